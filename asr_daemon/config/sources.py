"""Read what the configuration refers to: other files and environment variables."""

from collections.abc import Mapping
from errno import EINVAL
from pathlib import Path
from stat import S_ISREG

from asr_daemon.config.problems import Wrong, quote

LARGEST_SECRET_BYTES = 64 * 1024
"""Bounds what a wrong path makes us read."""


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
        for folder in self._folders():
            path = folder / name
            self.files.add(path)
            try:
                _check_readable(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                right = "let the daemon's user read it, or name another file"
                raise Wrong(f"cannot read {path} ({error.strerror})", right) from None
            return path
        places = " or ".join(dict.fromkeys(str(folder / name) for folder in self._folders()))
        raise Wrong(f"no such file: {places}", "create it or name another file")

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

    def _folders(self) -> tuple[Path, ...]:
        credentials = self._environ.get("CREDENTIALS_DIRECTORY")
        return (Path(credentials), self._directory) if credentials else (self._directory,)


def _check_readable(path: Path) -> None:
    """Open and close a regular file; never open a pipe, which would block."""
    if not S_ISREG(path.stat().st_mode):
        raise OSError(EINVAL, "not a regular file")
    path.open("rb").close()
