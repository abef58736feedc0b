"""Read and write single values: durations, sizes, modes, networks, paths, names.

Each `read_...` turns text into a value or raises `Wrong` with what to write; each `write_...` does
the opposite. Pure, except that time zones and encodings are those that are installed.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from asr_daemon.config.problems import Wrong, quote
from asr_daemon.layout import check_layout
from asr_daemon.networks import CLIENT_HEADERS, Network
from asr_daemon.secret import Secret

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_NEARLY_DURATION = re.compile(
    r"([0-9]{1,9})\s*(ms|s|m|h|d)?(?:ecs?|econds?|ins?|inutes?|rs?|ours?|ays?)?", re.IGNORECASE
)
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_DURATION_S = 3650 * 86_400
_SIZE = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB)")
_NEARLY_SIZE = re.compile(r"([0-9]{1,15})\s*([kmg]?)(?:i?b)?(?:/s)?", re.IGNORECASE)
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_LARGEST_SIZE = 2**50
_MODE = re.compile(r"0?[0-7]{3}")
_NEARLY_MODE = re.compile(r"(?:0?o?|[0-7])([0-7]{3})", re.IGNORECASE)
_SYMBOLIC_MODE = re.compile(r"[d-]?((?:[r-][w-][x-]){3})")
_EVERYBODY_WRITES = 0o002
_MAPPED_PREFIX = 96
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_URL = re.compile(r"https?://([^/]*).*")
_URL_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")
_URL_KEY = re.compile(r"[A-Za-z0-9._~-]+")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])0?([1-9]|1[0-2])(?::?00)?", re.IGNORECASE)
_SIMILARITY = 0.85
"""Of the name of a time zone that is suggested: Asia/Bejing is not Asia/Beirut, nor is CST UCT."""
_ASCII_SAMPLE = "[0:1.640,0:4.600]  az AZ 09 %+&=\n"


def read_duration(text: str, least: str = "1ms") -> float:
    """Read `10s`, `5m`, `48h`, `250ms`, `7d` as seconds; at least `least`, at most ten years."""
    duration_s = _seconds(text)
    if duration_s is None:
        raise Wrong(f"invalid duration {quote(text)}", f"write {_nearest_duration(text, least)}")
    if duration_s < (_seconds(least) or 0):
        raise Wrong(f"{text} is too short", f"write at least {least}")
    if duration_s > _LONGEST_DURATION_S:
        raise Wrong(f"{text} is too long", "write at most 3650d")
    return duration_s


def _seconds(text: str) -> float | None:
    match = _DURATION.fullmatch(text)
    return match and int(match[1]) * _MILLISECONDS[match[2]] / 1000


def _nearest_duration(text: str, least: str) -> str:
    match = _NEARLY_DURATION.fullmatch(text)
    if match is None:
        return "a whole number and a unit (ms, s, m, h, d), such as 10s or 48h"
    nearest = f"{match[1]}{(match[2] or 's').lower()}" if int(match[1]) else f"at least {least}"
    return f"{nearest} (units: ms, s, m, h, d)"


def write_duration(duration_s: float) -> str:
    """Write seconds in the largest unit that leaves them whole."""
    milliseconds = round(duration_s * 1000)
    return _in_largest_unit(milliseconds, _MILLISECONDS)


def read_size(text: str, least: int = 1) -> int:
    """Read `64MiB`, `16KiB`, `1GiB`, `512B` as bytes; at least `least`, at most 1 PiB."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise Wrong(f"invalid size {quote(text)}", f"write {_nearest_size(text, least)}")
    size = int(match[1]) * _BYTES[match[2]]
    if size < least:
        raise Wrong(f"{text} is too small", f"write at least {write_size(least)}")
    if size > _LARGEST_SIZE:
        raise Wrong(f"{text} is too large", "write at most 1048576GiB")
    return size


def write_size(size_bytes: int) -> str:
    """Write a number of bytes in the largest unit that leaves it whole."""
    return _in_largest_unit(size_bytes, _BYTES)


def _in_largest_unit(amount: int, units: Mapping[str, int]) -> str:
    unit = max((unit for unit in units if amount % units[unit] == 0), key=units.__getitem__)
    return f"{amount // units[unit]}{unit}"


def _nearest_size(text: str, least: int) -> str:
    match = _NEARLY_SIZE.fullmatch(text)
    if match is None:
        return "a whole number and a unit (B, KiB, MiB, GiB), such as 64MiB"
    unit = f"{match[2].upper()}iB" if match[2] else "B"
    nearest = f"{match[1]}{unit}" if int(match[1]) >= least else f"at least {write_size(least)}"
    return f"{nearest} (units: B, KiB, MiB, GiB)"


def read_file_mode(text: str) -> int:
    """Read the mode of a file, in octal."""
    return _mode(text, 0o600, "read and write", "0640")


def read_directory_mode(text: str) -> int:
    """Read the mode of a directory, in octal."""
    return _mode(text, 0o700, "read, write and enter", "0750")


def _mode(text: str, owner: int, does: str, example: str) -> int:
    if _MODE.fullmatch(text) is None:
        raise Wrong(f"invalid mode {quote(text)}", f"write {_nearest_mode(text, example)}")
    mode = int(text, 8)
    right = f'write "{(mode | owner) & ~_EVERYBODY_WRITES:04o}"'
    if mode & owner != owner:
        raise Wrong(f'"{text}" does not let the owner {does}', right)
    if mode & _EVERYBODY_WRITES:
        raise Wrong(f'"{text}" lets every user write', right)
    return mode


def _nearest_mode(text: str, example: str) -> str:
    if match := _NEARLY_MODE.fullmatch(text.strip()):
        return f'"0{match[1]}" (three octal digits after a 0, in quotes)'
    if match := _SYMBOLIC_MODE.fullmatch(text):
        return write_mode(int(re.sub("[rwx]", "1", match[1]).replace("-", "0"), 2))
    return f'octal digits in quotes, such as "{example}"'


def write_mode(mode: int) -> str:
    """Write a mode in octal, as text that YAML takes for no number."""
    return f'"{mode:04o}"'


def write_directory(path: Path) -> str:
    """Write the path of a directory, so that a relative one is seen to be a path."""
    return str(path) if path.is_absolute() else f"./{path}"


def read_network(text: str) -> Network:
    """Read a CIDR, or one address as the network of it alone."""
    try:
        loose = ip_network(text, strict=False)
    except ValueError:
        right = "write an address or CIDR such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32"
        if text.lower() == "localhost":
            right = "write 127.0.0.1, which stands for ::1 too"
        raise Wrong(f"invalid network {quote(text)}", right) from None
    address = ip_address(text.partition("/")[0])
    if address != loose.network_address:
        raise Wrong(
            f"{text} has bits set after its prefix",
            f"write {loose}, or the address without a prefix",
        )
    if isinstance(loose, IPv6Network) and loose.prefixlen >= _MAPPED_PREFIX:
        mapped = loose.network_address.ipv4_mapped
        if mapped is not None:
            prefix = loose.prefixlen - _MAPPED_PREFIX
            raise Wrong(f"{text} is an IPv4 network mapped to IPv6", f"write {mapped}/{prefix}")
    return loose


def read_host(text: str) -> str:
    """Read what a socket is bound to: an IP address, or a name that stands for one."""
    if _is_ip_address(text) or _HOST_NAME.fullmatch(text):
        return text
    bare = text.strip("[]")
    if _is_ip_address(bare):
        raise Wrong(f"{quote(text)} has brackets, which only URLs need", f"write {quote(bare)}")
    host, _, port = _URL.sub(r"\1", text).rpartition(":")
    host = host.strip("[]")
    if port.isdecimal() and (_is_ip_address(host) or _HOST_NAME.fullmatch(host)):
        raise Wrong(f"{quote(text)} contains a port", f"write {quote(host)} and port: {port}")
    right = "write an IP address such as 127.0.0.1 (0.0.0.0 for all of IPv4, :: for all of IPv6)"
    raise Wrong(f"invalid address {quote(text)}", f"{right}, or a host name")


def read_host_name(text: str) -> str:
    """Read a name or IP address that clients use in URLs, without a port; in lower case."""
    if _is_ip_address(text) or _HOST_NAME.fullmatch(text):
        return text.lower()
    bare = text.rpartition("://")[2].partition("/")[0]
    bare = (bare.rpartition(":")[0] or bare).strip("[].")
    is_host = _is_ip_address(bare) or _HOST_NAME.fullmatch(bare)
    right = f"write {quote(bare)}" if is_host else "write a name such as asr.example.org"
    raise Wrong(f"invalid host name {quote(text)}", right)


def read_header_name(text: str) -> str:
    """Read the name of an HTTP header (RFC 9110, 5.1), in lower case."""
    name = text.lower()
    if not _HEADER_NAME.fullmatch(name):
        right = f"write the name of a header, such as {CLIENT_HEADERS[0]}"
        raise Wrong(f"invalid header {quote(text)}", right)
    near = get_close_matches(name, CLIENT_HEADERS, 1, _SIMILARITY)
    if near and name not in CLIENT_HEADERS:
        raise Wrong(f"unknown header {quote(text)}", f"write {near[0]}")
    return name


def read_host_pattern(text: str) -> str:
    """Read a host name of several labels, or `*.` and one for all names below it."""
    name = text.removeprefix("*.")
    if _is_ip_address(name.strip("[]")):
        raise Wrong(f"{quote(text)} is an address", "write the name of the host")
    if "." in name and name.rpartition(".")[2][:1].isalpha() and _HOST_NAME.fullmatch(name):
        return text.lower()
    right = 'write a name such as text.example.com, or "*.example.com" for all names below it'
    if text.startswith(".") and _HOST_NAME.fullmatch(text[1:]):
        right = f'write "*{text}" for all names below it'
    raise Wrong(f"invalid host {quote(text)}", right)


def _is_ip_address(text: str) -> bool:
    try:
        return isinstance(ip_address(text), IPv4Address | IPv6Address)
    except ValueError:
        return False


def read_url_path(text: str) -> str:
    """Read the path of a URL; it is compared byte by byte with those of requests."""
    if "?" in text or "://" in text:
        # Not quoted: it may contain the key.
        right = "write only the path, such as /callbacks/asr: no host, nothing from ? on"
        raise Wrong("not a path, but a URL or a part of one", right)
    if not text.startswith("/"):
        right = f"/{text}" if _URL_PATH.fullmatch(f"/{text}") else "a path such as /callbacks/asr"
        raise Wrong(f"{quote(text)} does not start with '/'", f"write {right}")
    if _URL_PATH.fullmatch(text) is None:
        right = "write a path without ?, #, %, spaces and non-ASCII characters"
        raise Wrong(f"invalid path {quote(text)}", right)
    components = text[1:].split("/")
    if text != "/" and components[-1] == "":
        raise Wrong(f"{quote(text)} ends with '/'", f"write {quote(text.rstrip('/') or '/')}")
    if text != "/" and not {"", ".", ".."}.isdisjoint(components):
        right = "write a path without them (many senders remove them)"
        raise Wrong(f"{quote(text)} has an empty, '.' or '..' component", right)
    return text


def read_url_key(text: str) -> Secret:
    """Read a secret that is part of a URL; never quotes it."""
    if _URL_KEY.fullmatch(text) is None:
        raise Wrong(
            "the key contains characters that URLs escape",
            "write only A-Z a-z 0-9 - . _ ~ (openssl rand -hex 16 makes such a key)",
        )
    return Secret(text)


def read_layout(text: str) -> str:
    """Read a layout of the output tree."""
    wrong = check_layout(text)
    if wrong is not None:
        raise Wrong(
            f"invalid layout {quote(text)}: {wrong}",
            'write one such as "{provider}/{year}/{month}/{day}/{id}"',
        )
    return text


def read_timezone(text: str) -> ZoneInfo:
    """Read the name of a time zone in the IANA database."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        zones = {zone.lower(): zone for zone in available_timezones()}
        near = get_close_matches(text.lower(), zones, n=1, cutoff=_SIMILARITY)
        right = "write a name such as UTC, Asia/Shanghai or Europe/Berlin"
        if match := _OFFSET.fullmatch(text):
            sign = "-" if match[1] == "+" else "+"
            right += f", or Etc/GMT{sign}{match[2]} (there the sign is reversed)"
        elif near:
            right = f"did you mean {quote(zones[near[0]])}?"
        raise Wrong(f"unknown time zone {quote(text)}", right) from None


def read_text_encoding(text: str) -> str:
    """Read the name of an encoding of text that leaves ASCII as it is."""
    right = "write one such as utf-8, gb18030 or big5"
    sample = _ASCII_SAMPLE.encode("ascii")
    try:
        decoded = sample.decode(text, "replace")
    except (LookupError, ValueError):
        raise Wrong(f"unknown text encoding {quote(text)}", right) from None
    if decoded != _ASCII_SAMPLE:
        raise Wrong(f"text encoding {quote(text)} not supported: it changes ASCII", right)
    return text
