"""Where results are stored: the committer, and the directory tree that it commits to."""
