"""A port that a test may use."""

import socket


def free_port() -> int:
    """Return a port that is free at every address a moment ago.

    On loopback alone it could be one that a client at another address of it had a minute ago.
    """
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
