"""Senders that post results in a closed loop and write down what they were told."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path, PurePath
from threading import Event, Lock, Thread

TENCENT_PATH = "/callbacks/tencent"
ANSWER_TIMEOUT_S = 30.0
_ACKNOWLEDGED = 200


@dataclass
class Ledger:
    """What all senders of one test sent, by id, and which of it was acknowledged."""

    sent: dict[str, str] = field(default_factory=dict)
    """The text of each result, whether or not it was answered."""
    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    answers: int = 0
    _lock: Lock = field(default_factory=Lock)

    def note(self, id_: str, text: str, status: int | None) -> None:
        """Write down a try and its answer, `None` if there was none."""
        with self._lock:
            self.sent[id_] = text
            self.answers += status is not None
            told = self.acknowledged if status == _ACKNOWLEDGED else self.refused
            (self.unanswered if status is None else told).add(id_)


@dataclass
class Damage:
    """How a tree differs from what the ledger promises; all empty if it keeps it."""

    missing: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def body_of(id_: str, text: str) -> bytes:
    """Return a Tencent body with one sentence; its `appid` is what follows the last hyphen.

    In a layout that has it, results of `senders` with the same number share a folder, and new
    folders appear all the time.
    """
    appid = id_.rpartition("-")[2]
    return f"code=0&requestId={id_}&appid={appid}&text={text}".encode()


def send(connection: HTTPConnection, id_: str, text: str, ledger: Ledger) -> int | None:
    """Post one result and note the answer; return its status, `None` if there was none."""
    status = None
    try:
        connection.request("POST", TENCENT_PATH, body_of(id_, text))
        response = connection.getresponse()
        content = response.read()
        status = response.status
        assert content.startswith(b'{"code":'), content
    except (OSError, HTTPException):
        connection.close()
    ledger.note(id_, text, status)
    return status


@contextmanager
def senders(
    port: int,
    ledger: Ledger,
    clients: int = 8,
    on_acknowledged: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Run `clients` senders until the block ends; ids never repeat within a ledger.

    A sender whose connection breaks ends: the daemon is gone, or going.
    """
    stop = Event()
    first = len(ledger.sent)

    def run(client: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
        for number in count(first):
            id_ = f"{client}-{number}"
            status = None if stop.is_set() else send(connection, id_, f"text-of-{id_}", ledger)
            if status is None:
                break
            if status == _ACKNOWLEDGED and on_acknowledged is not None:
                on_acknowledged(id_)
        connection.close()

    threads = [Thread(target=run, args=(client,), daemon=True) for client in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(ANSWER_TIMEOUT_S)


def resend(port: int, ids: Iterable[str], ledger: Ledger, clients: int = 8) -> None:
    """Post again what is in the ledger, as far as the daemon answers."""
    ids = list(ids)

    def run(client: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
        for id_ in ids[client::clients]:
            if send(connection, id_, ledger.sent[id_], ledger) is None:
                break
        connection.close()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(run, range(clients)))


def find_damage(root: Path, ledger: Ledger) -> Damage:
    """Compare a tree with what was sent and acknowledged.

    A result that was not acknowledged may be there or not, but if its JSON is, it is whole, and
    so is a text that is there without its JSON.
    """
    damage = Damage()
    markers: dict[str, list[Path]] = {}
    for marker in root.rglob("*.json"):
        if ".staging" not in marker.parts:
            markers.setdefault(_id_of(marker, damage), []).append(marker)
    damage.missing = sorted(ledger.acknowledged - markers.keys())
    for id_, paths in markers.items():
        if len(paths) > 1:
            damage.doubled.append(id_)
        if id_ not in ledger.sent:
            damage.foreign.append(id_)
        elif not all(_is_whole(path, ledger.sent[id_]) for path in paths):
            damage.partial.append(id_)
    damage.partial += [plain.stem for plain in root.rglob("*.txt") if not _may_stand(plain, ledger)]
    return damage


def stands_once(tree: Mapping[str, bytes], id_: str, text: str) -> bool:
    """Say whether a result is in a tree (data by path), whole, and under no second name."""
    paths = {path: data for path, data in tree.items() if _stem_of(path) == id_}
    files = {PurePath(path).suffix: data for path, data in paths.items()}
    return (
        len(paths) == len(files) == 2
        and files.get(".txt") == f"{text}\n".encode()
        and json.loads(files.get(".json", b"{}")).get("text") == text
    )


def _stem_of(path: str) -> str:
    return PurePath(path).stem.partition("~")[0]


def _may_stand(plain: Path, ledger: Ledger) -> bool:
    return ".staging" in plain.parts or plain.read_text() == f"{ledger.sent.get(plain.stem)}\n"


def _id_of(marker: Path, damage: Damage) -> str:
    try:
        return str(json.loads(marker.read_bytes())["id"])
    except (ValueError, KeyError, TypeError):
        damage.partial.append(str(marker))
        return str(marker)


def _is_whole(marker: Path, text: str) -> bool:
    try:
        document = json.loads(marker.read_bytes())
        plain = marker.with_suffix(".txt").read_text()
    except (ValueError, FileNotFoundError):
        return False
    return bool(document["text"] == text and plain == f"{text}\n")
