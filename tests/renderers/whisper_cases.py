"""Segments, and the files that whisper's (with speakers WhisperX's) writers make of them."""

from msgspec import Struct

from asr_daemon.transcript import Segment


class Case(Struct, frozen=True):
    """Segments and the whole content of each file, VTT without its header, TSV without its."""

    name: str
    segments: tuple[Segment, ...]
    srt: str
    vtt: str
    tsv: str


CASES = (
    Case("silence", (), "", "", ""),
    Case(
        "one segment",
        (Segment("Hello.", 0, 1500),),
        "1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n",
        "00:00.000 --> 00:01.500\nHello.\n\n",
        "0\t1500\tHello.\n",
    ),
    Case(
        "two segments",
        (Segment("Hello.", 0, 1500), Segment("Is the call connected?", 1600, 4360)),
        "1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n"
        "2\n00:00:01,600 --> 00:00:04,360\nIs the call connected?\n\n",
        "00:00.000 --> 00:01.500\nHello.\n\n00:01.600 --> 00:04.360\nIs the call connected?\n\n",
        "0\t1500\tHello.\n1600\t4360\tIs the call connected?\n",
    ),
    Case(
        "blanks around a text are stripped",
        (Segment("  Hello. ", 5, 90),),
        "1\n00:00:00,005 --> 00:00:00,090\nHello.\n\n",
        "00:00.005 --> 00:00.090\nHello.\n\n",
        "5\t90\tHello.\n",
    ),
    Case(
        "blanks inside a text stay",
        (Segment("a  b\u3000c", 1, 2),),
        "1\n00:00:00,001 --> 00:00:00,002\na  b\u3000c\n\n",
        "00:00.001 --> 00:00.002\na  b\u3000c\n\n",
        "1\t2\ta  b\u3000c\n",
    ),
    Case(
        "Chinese",
        (Segment("腾讯云语音识别欢迎您。", 1640, 4600),),
        "1\n00:00:01,640 --> 00:00:04,600\n腾讯云语音识别欢迎您。\n\n",
        "00:01.640 --> 00:04.600\n腾讯云语音识别欢迎您。\n\n",
        "1640\t4600\t腾讯云语音识别欢迎您。\n",
    ),
    Case(
        "the last millisecond of a minute",
        (Segment("x", 59_999, 60_000),),
        "1\n00:00:59,999 --> 00:01:00,000\nx\n\n",
        "00:59.999 --> 01:00.000\nx\n\n",
        "59999\t60000\tx\n",
    ),
    Case(
        "from the first hour into the second",
        (Segment("x", 3_599_999, 3_600_000),),
        "1\n00:59:59,999 --> 01:00:00,000\nx\n\n",
        "59:59.999 --> 01:00:00.000\nx\n\n",
        "3599999\t3600000\tx\n",
    ),
    Case(
        "twelve hours",
        (Segment("x", 43_199_001, 43_200_010),),
        "1\n11:59:59,001 --> 12:00:00,010\nx\n\n",
        "11:59:59.001 --> 12:00:00.010\nx\n\n",
        "43199001\t43200010\tx\n",
    ),
    Case(
        "the latest time",
        (Segment("x", 359_999_998, 359_999_999),),
        "1\n99:59:59,998 --> 99:59:59,999\nx\n\n",
        "99:59:59.998 --> 99:59:59.999\nx\n\n",
        "359999998\t359999999\tx\n",
    ),
    Case(
        "no length",
        (Segment("x", 700, 700),),
        "1\n00:00:00,700 --> 00:00:00,700\nx\n\n",
        "00:00.700 --> 00:00.700\nx\n\n",
        "700\t700\tx\n",
    ),
    Case(
        "overlapping segments stay in their order",
        (Segment("late", 2000, 9000), Segment("early", 1000, 3000)),
        "1\n00:00:02,000 --> 00:00:09,000\nlate\n\n2\n00:00:01,000 --> 00:00:03,000\nearly\n\n",
        "00:02.000 --> 00:09.000\nlate\n\n00:01.000 --> 00:03.000\nearly\n\n",
        "2000\t9000\tlate\n1000\t3000\tearly\n",
    ),
    Case(
        "an arrow",
        (Segment("a --> b -->", 0, 1),),
        "1\n00:00:00,000 --> 00:00:00,001\na -> b ->\n\n",
        "00:00.000 --> 00:00.001\na -> b ->\n\n",
        "0\t1\ta --> b -->\n",
    ),
    Case(
        "a tab",
        (Segment("a\tb", 0, 1),),
        "1\n00:00:00,000 --> 00:00:00,001\na\tb\n\n",
        "00:00.000 --> 00:00.001\na\tb\n\n",
        "0\t1\ta b\n",
    ),
    Case(
        "quotes",
        (Segment('"Hello" he said', 0, 1),),
        '1\n00:00:00,000 --> 00:00:00,001\n"Hello" he said\n\n',
        '00:00.000 --> 00:00.001\n"Hello" he said\n\n',
        '0\t1\t"Hello" he said\n',
    ),
    Case(
        "markup",
        (Segment("<b>a</b> & {b} \\N", 0, 1),),
        "1\n00:00:00,000 --> 00:00:00,001\n<b>a</b> & {b} \\N\n\n",
        "00:00.000 --> 00:00.001\n<b>a</b> & {b} \\N\n\n",
        "0\t1\t<b>a</b> & {b} \\N\n",
    ),
    Case(
        "no text",
        (Segment("", 0, 1000), Segment("x", 1000, 2000)),
        "1\n00:00:00,000 --> 00:00:01,000\n\n\n2\n00:00:01,000 --> 00:00:02,000\nx\n\n",
        "00:00.000 --> 00:01.000\n\n\n00:01.000 --> 00:02.000\nx\n\n",
        "0\t1000\t\n1000\t2000\tx\n",
    ),
    Case(
        "right to left",
        (Segment("שלום \u202bעולם\u202c", 0, 1),),
        "1\n00:00:00,000 --> 00:00:00,001\nשלום \u202bעולם\u202c\n\n",
        "00:00.000 --> 00:00.001\nשלום \u202bעולם\u202c\n\n",
        "0\t1\tשלום \u202bעולם\u202c\n",
    ),
    Case(
        "a number and pictures",
        (Segment("1999 🎉", 0, 1),),
        "1\n00:00:00,000 --> 00:00:00,001\n1999 🎉\n\n",
        "00:00.000 --> 00:00.001\n1999 🎉\n\n",
        "0\t1\t1999 🎉\n",
    ),
    Case(
        "more than 1000 characters in a line",
        (Segment("word " * 300 + "end", 0, 1),),
        "1\n00:00:00,000 --> 00:00:00,001\n" + "word " * 300 + "end\n\n",
        "00:00.000 --> 00:00.001\n" + "word " * 300 + "end\n\n",
        "0\t1\t" + "word " * 300 + "end\n",
    ),
    Case(
        "a speaker",
        (Segment("Hello.", 0, 1500, "0"),),
        "1\n00:00:00,000 --> 00:00:01,500\n[0]: Hello.\n\n",
        "00:00.000 --> 00:01.500\n[0]: Hello.\n\n",
        "0\t1500\tHello.\n",
    ),
    Case(
        "several speakers, and none",
        (Segment("Hello.", 0, 1, "段落-0"), Segment("Hi.", 2, 3, "1"), Segment("?", 4, 5)),
        "1\n00:00:00,000 --> 00:00:00,001\n[段落-0]: Hello.\n\n"
        "2\n00:00:00,002 --> 00:00:00,003\n[1]: Hi.\n\n3\n00:00:00,004 --> 00:00:00,005\n?\n\n",
        "00:00.000 --> 00:00.001\n[段落-0]: Hello.\n\n"
        "00:00.002 --> 00:00.003\n[1]: Hi.\n\n00:00.004 --> 00:00.005\n?\n\n",
        "0\t1\tHello.\n2\t3\tHi.\n4\t5\t?\n",
    ),
)
