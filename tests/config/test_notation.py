"""How single values are written, and what is said of those that are not."""

from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from asr_daemon.config import notation
from asr_daemon.config.problems import Wrong
from asr_daemon.secret import Secret

Read = Callable[[str], Any]


def told(read: Read, text: str) -> str:
    """Return what is wrong and right about `text`."""
    with pytest.raises(Wrong) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("10s", 10.0), ("5m", 300.0), ("48h", 172_800.0), ("3650d", 315_360_000.0)],
)
def test_durations_become_seconds(text: str, seconds: float) -> None:
    """All units are read."""
    assert notation.read_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3600", 'invalid duration "3600"; write 3600s (units: ms, s, m, h, d)'),
        ("5 min", 'invalid duration "5 min"; write 5m (units: ms, s, m, h, d)'),
        ("10sec", 'invalid duration "10sec"; write 10s (units: ms, s, m, h, d)'),
        ("2 hours", 'invalid duration "2 hours"; write 2h (units: ms, s, m, h, d)'),
        ("1 month", 'invalid duration "1 month"; write a whole number'),
        ("0", 'invalid duration "0"; write at least 1ms (units: ms, s, m, h, d)'),
        ("10 S", 'invalid duration "10 S"; write 10s (units: ms, s, m, h, d)'),
        ("1.5h", 'invalid duration "1.5h"; write a whole number and a unit (ms, s, m, h, d), such'),
        ("-1s", 'invalid duration "-1s"; write a whole number'),
        ("1w", 'invalid duration "1w"; write a whole number'),
        ("３s", 'invalid duration "３s"; write a whole number'),
        ("0s", "0s is too short; write at least 1ms"),
        ("3651d", "3651d is too long; write at most 3650d"),
    ],
)
def test_other_durations_are_refused(text: str, said: str) -> None:
    """The nearest duration is named where there is one."""
    assert told(notation.read_duration, text).startswith(said)


def test_a_duration_may_have_a_larger_minimum() -> None:
    """The minimum itself is taken."""
    read = partial(notation.read_duration, least="1s")
    assert read("1s") == 1.0
    assert told(read, "999ms") == "999ms is too short; write at least 1s"


@pytest.mark.parametrize(
    ("text", "size"),
    [("1B", 1), ("16KiB", 16_384), ("64MiB", 67_108_864), ("1GiB", 1_073_741_824)],
)
def test_sizes_become_bytes_and_back(text: str, size: int) -> None:
    """All units are read, and chosen again."""
    assert notation.read_size(text) == size
    assert notation.write_size(size) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("64MB", 'invalid size "64MB"; write 64MiB (units: B, KiB, MiB, GiB)'),
        ("64 mib", 'invalid size "64 mib"; write 64MiB (units: B, KiB, MiB, GiB)'),
        ("16KiB/s", 'invalid size "16KiB/s"; write 16KiB (units: B, KiB, MiB, GiB)'),
        ("0", 'invalid size "0"; write at least 1B (units: B, KiB, MiB, GiB)'),
        ("512", 'invalid size "512"; write 512B (units: B, KiB, MiB, GiB)'),
        (
            "much",
            (
                'invalid size "much"; '
                "write a whole number and a unit (B, KiB, MiB, GiB), such as 64MiB"
            ),
        ),
        ("0B", "0B is too small; write at least 1B"),
        ("1048577GiB", "1048577GiB is too large; write at most 1048576GiB"),
    ],
)
def test_other_sizes_are_refused(text: str, said: str) -> None:
    """The nearest size is named where there is one."""
    assert told(notation.read_size, text) == said


def test_none_of_a_size() -> None:
    """Where nothing is a sensible amount it may be written."""
    assert notation.read_size("0B", least=0) == 0


def test_modes_are_octal() -> None:
    """With and without the leading zero."""
    assert [notation.read_file_mode("0640"), notation.read_file_mode("600")] == [0o640, 0o600]
    assert notation.read_directory_mode("0750") == 0o750


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (notation.read_file_mode, "0o640", 'invalid mode "0o640"; write "0640" (three octal'),
        (notation.read_file_mode, "644 ", 'invalid mode "644 "; write "0644" (three octal'),
        (notation.read_file_mode, "rw-r-----", 'invalid mode "rw-r-----"; write "0640"'),
        (notation.read_directory_mode, "drwxr-x---", 'invalid mode "drwxr-x---"; write "0750"'),
        (notation.read_file_mode, "4640", 'invalid mode "4640"; write "0640" (three octal digits'),
        (notation.read_file_mode, "0888", 'write octal digits in quotes, such as "0640"'),
        (notation.read_directory_mode, "u=rwx", 'write octal digits in quotes, such as "0750"'),
        (notation.read_file_mode, "0440", '"0440" does not let the owner read and write'),
        (notation.read_file_mode, "0666", '"0666" lets every user write; '),
        (notation.read_directory_mode, "0640", 'read, write and enter; write "0740"'),
        (notation.read_directory_mode, "0577", 'read, write and enter; write "0775"'),
    ],
)
def test_other_modes_are_refused(read: Read, text: str, said: str) -> None:
    """A mode must let the daemon work and nobody else write."""
    assert said in told(read, text)


@pytest.mark.parametrize("text", ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0"])
def test_networks_are_read(text: str) -> None:
    """An address alone is the network of it."""
    assert notation.read_network(text) == ip_network(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "10.0.0.1/8",
            "10.0.0.1/8 has bits set after its prefix; write 10.0.0.0/8, or the address without",
        ),
        ("::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104 is an IPv4 network mapped to IPv6; write"),
        ("10.0.0.0/33", 'invalid network "10.0.0.0/33"; write an address or CIDR such as'),
        ("example.org", 'invalid network "example.org"'),
        ("localhost", 'invalid network "localhost"; write 127.0.0.1, which stands for ::1 too'),
        ("1", 'invalid network "1"'),
        ("fe80::1%eth0/64", "fe80::1%eth0/64 has bits set after its prefix"),
    ],
)
def test_other_networks_are_refused(text: str, said: str) -> None:
    """So are those that would never match."""
    assert told(notation.read_network, text).startswith(said)


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "::", "fe80::1%eth0", "localhost", "asr.example.org", "node-1", "3com.de"]
)
def test_hosts_are_read(text: str) -> None:
    """Addresses and names are taken as they are."""
    assert notation.read_host(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[::1]", '"[::1]" has brackets, which only URLs need; write "::1"'),
        ("127.0.0.1:80", '"127.0.0.1:80" contains a port; write "127.0.0.1" and port: 80'),
        ("[::1]:80", '"[::1]:80" contains a port; write "::1" and port: 80'),
        ("http://127.0.0.1:80/", '"http://127.0.0.1:80/" contains a port; write "127.0.0.1" and'),
        ("*:80", 'invalid address "*:80"; write an IP address such as 127.0.0.1 (0.0.0.0 for all'),
        ("127.0.0.256", 'invalid address "127.0.0.256"; write an IP address'),
        ("127.1", 'invalid address "127.1"'),
        (
            "*",
            'invalid address "*"; write an IP address such as 127.0.0.1 (0.0.0.0 for all of IPv4',
        ),
        ("http://a", 'invalid address "http://a"'),
        ("-a", 'invalid address "-a"'),
    ],
)
def test_other_hosts_are_refused(text: str, said: str) -> None:
    """A mistyped address is not taken for a name."""
    assert told(notation.read_host, text).startswith(said)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("text.example.com", "text.example.com"),
        ("*.myqcloud.com", "*.myqcloud.com"),
        ("*.COS.example.com", "*.cos.example.com"),
        ("3com.de", "3com.de"),
    ],
)
def test_patterns_of_hosts_are_read(text: str, pattern: str) -> None:
    assert notation.read_host_pattern(text) == pattern


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (".example.com", 'invalid host ".example.com"; write "*.example.com" for all names below'),
        ("1.2.3.4", '"1.2.3.4" is an address; write the name of the host'),
        ("[::1]", '"[::1]" is an address'),
        ("127.1", 'invalid host "127.1"'),
        ("a.0x7f", 'invalid host "a.0x7f"'),
        ("localhost", 'invalid host "localhost"; write a name such as text.example.com'),
        ("*", 'invalid host "*"'),
        ("*.com", 'invalid host "*.com"'),
        ("a.*.com", 'invalid host "a.*.com"'),
        ("a.example.com:443", 'invalid host "a.example.com:443"'),
        ("https://a.example.com/", 'invalid host "https://a.example.com/"'),
        ("a.example.com.", 'invalid host "a.example.com."'),
    ],
)
def test_other_patterns_of_hosts_are_refused(text: str, said: str) -> None:
    assert told(notation.read_host_pattern, text).startswith(said)


@pytest.mark.parametrize("text", ["/", "/callbacks/tencent", "/a/b.c/~d;e=f"])
def test_url_paths_are_read(text: str) -> None:
    """Plain paths are taken as they are."""
    assert notation.read_url_path(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Asr.Example.org", "asr.example.org"),
        ("node-1", "node-1"),
        ("192.0.2.7", "192.0.2.7"),
        ("::1", "::1"),
    ],
)
def test_host_names_are_read(text: str, name: str) -> None:
    """Case does not matter."""
    assert notation.read_host_name(text) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("asr.example.org:8788", 'invalid host name "asr.example.org:8788"; write "asr.example'),
        ("http://asr.example.org/", 'invalid host name "http://asr.example.org/"; write "asr.ex'),
        ("http://[::1]:8788/", 'invalid host name "http://[::1]:8788/"; write "::1"'),
        ("asr.example.org.", 'invalid host name "asr.example.org."; write "asr.example.org"'),
        ("*.example.org", 'invalid host name "*.example.org"; write a name such as asr.example'),
        ("", 'invalid host name ""; write a name such as asr.example.org'),
    ],
)
def test_other_host_names_are_refused(text: str, said: str) -> None:
    """URLs and patterns are no names."""
    assert told(notation.read_host_name, text).startswith(said)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("X-Forwarded-For", "x-forwarded-for"),
        ("X-Real-IP", "x-real-ip"),
        ("forwarded", "forwarded"),
        ("CF-Connecting-IP", "cf-connecting-ip"),
        ("X-Client-IP", "x-client-ip"),
        ("True-Client-IP", "true-client-ip"),
        ("X-Original-Forwarded-For", "x-original-forwarded-for"),
        ("X-Envoy-External-Address", "x-envoy-external-address"),
    ],
)
def test_header_names_are_read(text: str, name: str) -> None:
    """Any header may name the client; case does not matter."""
    assert notation.read_header_name(text) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("X-Forward-For", 'unknown header "X-Forward-For"; write x-forwarded-for'),
        ("x_forwarded_for", 'unknown header "x_forwarded_for"; write x-forwarded-for'),
        ("X-RealIP", 'unknown header "X-RealIP"; write x-real-ip'),
        ("$http_x_real_ip:", 'invalid header "$http_x_real_ip:"; write the name of a header'),
        ("X-Real-IP, Forwarded", 'invalid header "X-Real-IP, Forwarded"; write the name of'),
        ("", 'invalid header ""; write the name of a header, such as x-forwarded-for'),
    ],
)
def test_other_header_names_are_refused(text: str, said: str) -> None:
    """A mistyped header is never there, and would make every sender the proxy."""
    assert told(notation.read_header_name, text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("callbacks", "\"callbacks\" does not start with '/'; write /callbacks"),
        ("oifde/a b", "\"oifde/a b\" does not start with '/'; write a path such as /callbacks/asr"),
        ("/a?key=hunter2", "not a path, but a URL or a part of one; write only the path"),
        ("https://a/hunter2", "not a path, but a URL or a part of one; write only the path"),
        ("/a#b", 'invalid path "/a#b"'),
        ("/a%2Fb", 'invalid path "/a%2Fb"'),
        ("/a b", 'invalid path "/a b"'),
        ("/转写", 'invalid path "/转写"'),
        ("/a/", '"/a/" ends with \'/\'; write "/a"'),
        ("//", '"//" ends with \'/\'; write "/"'),
        ("/a//b", "\"/a//b\" has an empty, '.' or '..' component"),
        ("/a/../b", "\"/a/../b\" has an empty, '.' or '..' component"),
    ],
)
def test_other_url_paths_are_refused(text: str, said: str) -> None:
    """What senders or proxies spell in several ways would not be found."""
    assert told(notation.read_url_path, text).startswith(said)


def test_a_key_for_urls_is_read() -> None:
    """It is made of characters that no URL changes."""
    assert notation.read_url_key("aZ09-._~aZ09-._~") == Secret("aZ09-._~aZ09-._~")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hunter2/hunter2/hunter2", "the key contains characters that URLs escape"),
        ("hunter2+hunter2+hunter2", "the key contains characters that URLs escape"),
        ("hunter2ühunter2ühunter2", "the key contains characters that URLs escape"),
    ],
)
def test_other_keys_are_refused_without_a_word_of_them(text: str, said: str) -> None:
    """The message says how to make one and nothing of this one."""
    message = told(notation.read_url_key, text)
    assert message.startswith(said)
    assert "openssl rand -hex 16" in message
    assert "hunter" not in message


def test_layouts_are_judged_by_the_layout_itself() -> None:
    """Its own sentence says what is wrong."""
    assert notation.read_layout("{provider}/{id}") == "{provider}/{id}"
    assert told(notation.read_layout, "{provider}/{name}").startswith(
        'invalid layout "{provider}/{name}": {name} is not one of {provider} {year}'
    )


def test_time_zones_are_read() -> None:
    """By their names in the IANA database."""
    assert notation.read_timezone("Asia/Shanghai") == ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Asia/Shangai", 'unknown time zone "Asia/Shangai"; did you mean "Asia/Shanghai"?'),
        ("Asia/Bejing", 'unknown time zone "Asia/Bejing"; write a name such as UTC'),
        ("asia/shanghai", 'unknown time zone "asia/shanghai"; did you mean "Asia/Shanghai"?'),
        ("CST", 'unknown time zone "CST"; write a name such as UTC'),
        (
            "GMT+8",
            (
                'unknown time zone "GMT+8"; write a name such as UTC, Asia/Shanghai or '
                "Europe/Berlin, or Etc/GMT-8 (there the sign is reversed)"
            ),
        ),
        (
            "-03:00",
            (
                'unknown time zone "-03:00"; write a name such as UTC, Asia/Shanghai or '
                "Europe/Berlin, or Etc/GMT+3 (there the sign is reversed)"
            ),
        ),
        ("Asia", 'unknown time zone "Asia"; write '),
        ("../UTC", 'unknown time zone "../UTC"; '),
        ("/etc/localtime", 'unknown time zone "/etc/localtime"; write '),
        ("+08:00", 'unknown time zone "+08:00"; write a name such as UTC'),
    ],
)
def test_other_time_zones_are_refused(text: str, said: str) -> None:
    """A name is suggested if it is very near: another one would be wrong by hours."""
    assert told(notation.read_timezone, text).startswith(said)


@pytest.mark.parametrize("text", ["utf-8", "gb18030", "GBK", "big5", "shift_jis", "latin-1"])
def test_encodings_are_read(text: str) -> None:
    """Those of text are taken as they are."""
    assert notation.read_text_encoding(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("utf-9", 'unknown text encoding "utf-9"; write one such as utf-8, gb18030 or big5'),
        ("hex", 'unknown text encoding "hex"'),
        ("rot13", 'unknown text encoding "rot13"'),
        ("idna", ""),
        ("utf-16", 'text encoding "utf-16" not supported: it changes ASCII'),
        ("cp037", 'text encoding "cp037" not supported: it changes ASCII'),
    ],
)
def test_other_encodings_are_refused(text: str, said: str) -> None:
    """So are those in which a callback's digits and brackets are other bytes."""
    assert told(notation.read_text_encoding, text).startswith(said)
