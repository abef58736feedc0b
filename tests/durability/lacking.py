"""Runs a command that finds less in every file system: `lacking.py LACK,... COMMAND...`.

So a real disk can be written to in each of the ways that weaker ones need. A filter of the kernel
(seccomp) refuses the calls, in the command and in all that it starts:

- `unnamed`: `open` with `O_TMPFILE`, with EOPNOTSUPP;
- `link`: hard links, with EPERM;
- `rename-flags`: `renameat2` with flags, with EINVAL.

A script, as it is run in any folder.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER = 0
_TMPFILE = 0x400000
"""The bit that `O_TMPFILE` has beyond `O_DIRECTORY`."""

_NUMBERS = {
    "x86_64": {"openat": 257, "link": 86, "linkat": 265, "renameat2": 316},
    "aarch64": {"openat": 56, "linkat": 37, "renameat2": 276},
}[platform.machine()]


def _argument(number: int) -> int:
    """Return where the lower half of an argument stands in `struct seccomp_data`."""
    return 16 + 8 * number


_Instruction = tuple[int, int, int, int]


def _refuse(name: str, error: int, argument: int = 0, bits: int = 0) -> list[_Instruction]:
    """Return the filter that refuses a call; with `bits`, only if an argument has one of them."""
    if name not in _NUMBERS:
        return []
    refuse = (_RETURN, 0, 0, _REFUSE | error)
    found = (
        [(_LOAD, 0, 0, _argument(argument)), (_ANY_BIT, 0, 1, bits), refuse] if bits else [refuse]
    )
    return [(_LOAD, 0, 0, _NUMBER), (_EQUAL, 0, len(found), _NUMBERS[name]), *found]


_FILTERS = {
    "unnamed": _refuse("openat", errno.EOPNOTSUPP, 2, _TMPFILE),
    "link": [*_refuse("link", errno.EPERM), *_refuse("linkat", errno.EPERM)],
    "rename-flags": _refuse("renameat2", errno.EINVAL, 4, 0xFFFFFFFF),
}


def main(lacks: str, *command: str) -> None:
    """Become the command."""
    instructions = [one for lack in lacks.split(",") for one in _FILTERS[lack]]
    instructions.append((_RETURN, 0, 0, _ALLOW))
    program = b"".join(struct.pack("HBBI", *one) for one in instructions)
    code = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SET_SECCOMP, _FILTER, header, 0, 0)):
        if libc.prctl(*call) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), "seccomp")
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
