"""Sends callbacks without a pause until it is told to stop, each over a connection of its own.

    python3 load.py URL AT_LEAST STOP

Runs in the machine, whose Python has nothing but its standard library. Ends when the file STOP is
there and AT_LEAST requests are answered, and prints a JSON object: how many there were, and what
became of those that were not acknowledged.
"""

import json
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Lock, Thread
from urllib.parse import urlsplit

SENDERS = 8
TIMEOUT_S = 30.0


class Load:
    """Requests from several threads."""

    def __init__(self, url: str, at_least: int, stop: Path) -> None:
        """Begin with none."""
        self._url = urlsplit(url)
        self._at_least = at_least
        self._stop = stop
        self._lock = Lock()
        self.sent = 0
        self.slowest_s = 0.0
        self.trouble: list[str] = []

    def run(self) -> None:
        """Send until enough is enough."""
        threads = [Thread(target=self._send_many) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_many(self) -> None:
        while not (self.sent >= self._at_least and self._stop.exists()):
            with self._lock:
                self.sent += 1
                number = self.sent
            began_s = time.monotonic()
            trouble = self._send(f"code=0&requestId={number}&text=%5B0:1.0,0:2.0%5D++x".encode())
            with self._lock:
                self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
                if trouble:
                    self.trouble.append(f"{number}: {trouble}")

    def _send(self, body: bytes) -> str | None:
        host, port = str(self._url.hostname), self._url.port
        connection = HTTPConnection(host, port, timeout=TIMEOUT_S)
        try:
            connection.request("POST", self._url.path, body)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            return repr(error)
        finally:
            connection.close()
        return None if response.status == 200 else f"{response.status} {answer!r}"


if __name__ == "__main__":
    load = Load(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    load.run()
    result = {"sent": load.sent, "slowest_s": load.slowest_s, "trouble": load.trouble}
    json.dump(result, sys.stdout)
