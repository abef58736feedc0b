"""The output that is a directory tree."""
