"""Callbacks as the vendors document them, of any size, as raw HTTP requests."""

from urllib.parse import quote_plus

ID = b"@" * 21
"""Stands where the id of each request goes, which is as long."""

_FORM = "/callbacks/tencent", "application/x-www-form-urlencoded"
_JSON = "/oifde/rest/sysapi/asrcallback", "application/json; charset=UTF-8"
_SENTENCE = (
    '{"FinalSentence":"腾讯云语音识别欢迎您。","SliceSentence":"腾讯云 语音识别 欢迎 您",'
    '"StartMs":20,"EndMs":2380,"SpeechSpeed":5.9,"WordsNum":4,"SpeakerId":0,"Words":['
    '{"OffsetStartMs":120,"OffsetEndMs":780,"Word":"腾讯云"},'
    '{"OffsetStartMs":780,"OffsetEndMs":1530,"Word":"语音识别"},'
    '{"OffsetStartMs":1530,"OffsetEndMs":1860,"Word":"欢迎"},'
    '{"OffsetStartMs":1860,"OffsetEndMs":2250,"Word":"您"}]}'
)
_LATTICE = '{"begin":4360,"end":5970,"lid":0,"onebest":"Hello, is the call connected?","spk":0}'


def tencent(size_bytes: int = 1000) -> bytes:
    """Return Tencent's form with the speech in `text`, a sentence a line."""
    line = quote_plus("[0:5.420,0:7.820]  明天早上说哈。\n")
    head = f"code=0&requestId={ID.decode()}&appid=12516&projectid=0&text="
    return _request(_FORM, size_bytes, head, line, "&audioTime=8.420000&message=&resultDetail=")


def tencent_detail(size_bytes: int) -> bytes:
    """Return Tencent's form with the speech, word by word, in `resultDetail`."""
    head = f"code=0&requestId={ID.decode()}&appid=12516&projectid=0&text=&message=&resultDetail="
    detail = quote_plus("["), quote_plus(f"{_SENTENCE},"), quote_plus(f"{_SENTENCE}]")
    return _request(_FORM, size_bytes, head + detail[0], detail[1], detail[2])


def huawei(size_bytes: int) -> bytes:
    """Return Huawei's JSON."""
    task = f'{{"state":{{"code":0,"success":true}},"body":{{"aid":"{ID.decode()}","lattices":['
    return _request(_JSON, size_bytes, f'{{"body":{task}', f"{_LATTICE},", f"{_LATTICE}]}}}}}}")


def unknown() -> bytes:
    """Return a form that is rejected: nothing in it is Tencent's."""
    return _request(_FORM, 0, f"unknown={ID.decode()}", "&", "")


def _request(target: tuple[str, str], size_bytes: int, head: str, item: str, tail: str) -> bytes:
    """Return a request whose body is head, as often as it fits the item, and tail."""
    path, content_type = target
    items = max(0, size_bytes - len(head) - len(tail)) // len(item)
    body = f"{head}{item * items}{tail}".encode()
    line = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
    return f"{line}Content-Length: {len(body)}\r\n\r\n".encode() + body
