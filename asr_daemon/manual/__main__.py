"""`python -m asr_daemon.manual FOLDER` writes what is made of the program; see scripts/generate."""

import sys
from pathlib import Path

from asr_daemon.manual.files import generated


def main(root: Path) -> None:
    """Write every generated file below the folder of the sources."""
    for name, text in generated().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
