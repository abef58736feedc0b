"""Read what the configuration refers to: other files and environment variables."""

import os
import re
from collections.abc import Mapping
from errno import EINVAL, EISDIR
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from asr_daemon.config.problems import Wrong, quote

LARGEST_SECRET_BYTES = 64 * 1024
"""Bounds what a wrong path makes us read."""


_CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
_CREATE = "create it or name another file"
_CREDENTIALS = ("/", "run", "credentials")
_VARIABLE = re.compile(r"\$\{?CREDENTIALS_DIRECTORY\b|%d/")
"""How a shell or a unit of systemd would name the directory."""
_EXPANDED_BY_SHELLS = re.compile(r"(~)[^/]*(?:/|\Z)|.*?(\$(?:\{\w+\}|\w+))", re.DOTALL)


def read_directory(text: str) -> Path:
    """Read the path of a directory, which need not exist.

    Raises:
        Wrong: it is a URL or one that a shell would expand, and there is no directory of that very
            name.
    """
    path = Path(text)
    if "://" in text and not os.path.exists(path):
        raise Wrong("a URL, not a path", "write the path of a directory of this machine")
    if (wrong := _not_expanded(text)) and not os.path.exists(path):
        raise wrong
    return path


def _not_expanded(path: str) -> Wrong | None:
    """Return what is wrong with a path that only a shell would understand."""
    match = _EXPANDED_BY_SHELLS.match(path)
    if match is None:
        return None
    return Wrong(f'"{match[1] or match[2]}" is not expanded', "write an absolute path")


class Sources:
    """Reads what one configuration file refers to, and remembers which files it looked for.

    Relative paths start in `directory`.
    """

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._directory = directory
        self._environ = environ
        self.files: set[Path] = set()
        """Files that were looked for so far, whether or not they exist."""

    def locate(self, name: str) -> Path:
        """Return the path of a file that exists and can be opened now.

        A relative name is looked up in `$CREDENTIALS_DIRECTORY`, then next to the configuration.

        Raises:
            Wrong: it does not exist or cannot be opened.
        """
        if _VARIABLE.match(name):
            wrong = f"{quote(name)}: variables are not expanded here"
            raise Wrong(wrong, f"write {quote(Path(name).name)}, which is looked up there first")
        for folder in self._folders():
            path = folder / name
            self.files.add(path)
            try:
                _check_readable(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except IsADirectoryError:
                raise Wrong(f"is a directory: {path}", "name a file in it") from None
            except OSError as error:
                raise Wrong(f"cannot read {path} ({error.strerror})", _let_read(path)) from None
            return path
        if literal := _not_expanded(name):
            raise literal
        places = " or ".join(dict.fromkeys(str(folder / name) for folder in self._folders()))
        raise self._missing(name, f"no such file: {places}")

    def read_secret_file(self, name: str) -> str:
        """Return the content of a file, without one newline at its end.

        Raises:
            Wrong: it cannot be read, is too large, or not UTF-8.
        """
        path = self.locate(name)
        right = "write only the secret into it, on one line, in UTF-8"
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_SECRET_BYTES + 1)
            if len(content) > LARGEST_SECRET_BYTES:
                raise Wrong(f"{path} is too large for a secret", right)
            return content.decode().removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise Wrong(f"cannot read {path} ({error.strerror})", right) from None
        except UnicodeDecodeError:
            raise Wrong(f"{path} is not UTF-8", right) from None

    def read_variable(self, name: str) -> str:
        """Return the value of an environment variable.

        Raises:
            Wrong: it is not set.
        """
        value = self._environ.get(name)
        if value is None:
            raise Wrong(f"environment variable {quote(name)} is not set", "set it or name another")
        return value

    def _missing(self, name: str, wrong: str) -> Wrong:
        """Return what to do about a missing file, which systemd may have been meant to pass on."""
        is_credential = Path(name).parts[:3] == _CREDENTIALS or not Path(name).is_absolute()
        if not is_credential or _CREDENTIALS_DIRECTORY in self._environ:
            return Wrong(wrong, _CREATE)
        unset = f"${_CREDENTIALS_DIRECTORY} is not set"
        if "NOTIFY_SOCKET" not in self._environ:
            return Wrong(f"{wrong} ({unset}: only systemd does that)", _CREATE)
        # In unprivileged containers LXC puts an empty one into every unit.
        right = "create it, or look for an empty LoadCredential= of a container in systemctl cat"
        return Wrong(f"{wrong} ({unset}: no LoadCredential= is in effect)", right)

    def _folders(self) -> tuple[Path, ...]:
        credentials = self._environ.get(_CREDENTIALS_DIRECTORY)
        return (Path(credentials), self._directory) if credentials else (self._directory,)


def _let_read(path: Path) -> str:
    """Return what to do about a file that cannot be read: it may be its directory."""
    for directory in reversed(path.parents):
        if not os.access(directory, os.X_OK):
            return f"let the daemon's user enter {directory}, or pass the file with LoadCredential="
    return "let the daemon's user read it, pass it with LoadCredential=, or name another file"


def _check_readable(path: Path) -> None:
    """Open and close a regular file; never open a pipe, which would block."""
    mode = path.stat().st_mode
    if S_ISDIR(mode):
        raise IsADirectoryError(EISDIR, "is a directory")
    if not S_ISREG(mode):
        raise OSError(EINVAL, "not a regular file")
    path.open("rb").close()
