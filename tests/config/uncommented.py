"""The example with everything active that it shows commented out."""

import re

_COMMENTED_OUT = re.compile(r"^( *)#(?=[a-z-])", re.MULTILINE)
_EMPTY_BEFORE_COMMENTED_OUT = re.compile(r"^( *)([a-z_]+): \[\]\n(?=\1#\2:)", re.MULTILINE)


def uncommented(example: str) -> str:
    """Remove the # before each setting."""
    return _COMMENTED_OUT.sub(r"\1", _EMPTY_BEFORE_COMMENTED_OUT.sub("", example))
