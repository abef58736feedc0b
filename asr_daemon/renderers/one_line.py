"""Text as one line of a file."""


def one_line(text: str) -> str:
    """Return `text` without blanks around it; line breaks and the blanks around them are blanks."""
    return " ".join(filter(None, map(str.strip, text.strip().splitlines())))
