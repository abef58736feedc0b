"""What both FUSE beds have in common."""

import os


class FuseOperations:
    """The base of what libfuse calls; it calls from one thread, one request after the other.

    A method that is missing here and in the class below is answered by libfuse or the kernel.
    """

    use_ns = True

    def init(self, path: str) -> None:
        """Tell the process that waits for the mount that it is there."""
        os.write(1, b"mounted\n")


def refusal(number: int, path: str) -> OSError:
    """Return the error that makes a system call on `path` fail with this number."""
    return OSError(number, os.strerror(number), path)
