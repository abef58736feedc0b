"""Where values come from that do not stand in the configuration file: other files, variables."""

from collections.abc import Mapping
from errno import EINVAL
from pathlib import Path
from stat import S_ISREG

from asr_daemon.config.problems import Wrong, quote

LARGEST_SECRET_BYTES = 64 * 1024
"""So that a wrong path does not fill the memory."""


class Sources:
    """The surroundings of one configuration file, and which of them were looked at."""

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        """Take the folder where relative paths of files to read start, and the variables."""
        self._directory = directory
        self._environ = environ
        self.files: set[Path] = set()
        """Files that were asked for so far, whether or not they are there."""

    def locate(self, name: str) -> Path:
        """Return the path of a file to be read, which is there and can be opened now.

        A relative name is looked up in `$CREDENTIALS_DIRECTORY`, then beside the configuration.

        Raises:
            Wrong: there is no such file, or it cannot be opened.
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
                raise Wrong(f"{path} cannot be read ({error.strerror})", right) from None
            return path
        places = " or ".join(dict.fromkeys(str(folder / name) for folder in self._folders()))
        raise Wrong(f"there is no file {places}", "create it or name another file")

    def read_secret_file(self, name: str) -> str:
        """Return what a file holds, without one newline at its end.

        Raises:
            Wrong: it cannot be read, is too large, or not UTF-8.
        """
        path = self.locate(name)
        right = "write the secret alone into it, as one line of UTF-8"
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_SECRET_BYTES + 1)
            if len(content) > LARGEST_SECRET_BYTES:
                raise Wrong(f"{path} is too large for a secret", right)
            return content.decode().removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise Wrong(f"{path} cannot be read ({error.strerror})", right) from None
        except UnicodeDecodeError:
            raise Wrong(f"{path} is not UTF-8", right) from None

    def read_variable(self, name: str) -> str:
        """Return the value of an environment variable.

        Raises:
            Wrong: it is not set.
        """
        value = self._environ.get(name)
        if value is None:
            raise Wrong(
                f"the environment variable {quote(name)} is not set", "set it or name another"
            )
        return value

    def _folders(self) -> tuple[Path, ...]:
        credentials = self._environ.get("CREDENTIALS_DIRECTORY")
        return (Path(credentials), self._directory) if credentials else (self._directory,)


def _check_readable(path: Path) -> None:
    """Open and close a regular file; a pipe, which would block, is never opened."""
    if not S_ISREG(path.stat().st_mode):
        raise OSError(EINVAL, "it is no regular file")
    path.open("rb").close()
