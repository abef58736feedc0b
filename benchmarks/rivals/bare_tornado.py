"""Tornado itself: reads a request and answers always the same. `python -m ... PORT`."""

import asyncio
import sys

from tornado.web import Application, RequestHandler


class Handler(RequestHandler):
    """Answers every POST with success, and keeps nothing."""

    def post(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(b'{"code":0,"message":"success"}')


async def serve(port: int) -> None:
    """Serve on a port of loopback until the process is ended."""
    Application([(".*", Handler)]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
