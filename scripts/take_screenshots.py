"""Take the pictures of the status page, of a daemon with made-up results."""

import json
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_plus

from playwright.sync_api import Browser, sync_playwright

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from tests.daemon.process import Daemon  # noqa: E402 - found by the path above
from tests.daemon.serving import FLAT, serving  # noqa: E402 - the same

IMAGES = PROJECT / "docs/images"
TENCENT, HUAWEI = "/callbacks/tencent", "/oifde/rest/sysapi/asrcallback"
TURNS = (
    "Good morning, you are speaking with Anna, how may I help you?",
    "Good morning. My order has not arrived yet.",
    "I am sorry to hear that. May I have the number of the order?",
    "It is four, seven, one, one.",
    "Thank you. It left our warehouse yesterday, and is with you tomorrow.",
    "That is good to know, thank you very much.",
)


class Shot(NamedTuple):
    """One picture."""

    name: str
    scheme: str
    width: int
    height: int
    result: str | None = None


SHOTS = (
    Shot("status", "light", 960, 900),
    Shot("status-phone", "dark", 360, 740),
    Shot("result", "light", 960, 640, "call-4711"),
)


def main() -> None:
    """Serve results, and take a picture of each page."""
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="asr-") as folder,
        serving(Path(folder), output=FLAT) as daemon,
    ):
        send_results(daemon)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox"]
            )
            for shot in SHOTS:
                take(browser, daemon, shot)
            browser.close()


def send_results(daemon: Daemon) -> None:
    """Send what a few minutes bring."""
    for number in range(14):
        id_ = 4000048858 + number
        daemon.post(TENCENT, f"code=0&requestId={id_}&text=hello&audioTime=8.42".encode())
    message = quote_plus("Failed to download the audio file")
    daemon.post(TENCENT, f"code=10002&requestId=4000048900&message={message}".encode())
    daemon.post(TENCENT, b"nonsense")
    lattices, begin = [], 0
    for number, turn in enumerate(TURNS):
        end = begin + 60 * len(turn)
        lattices.append({"begin": begin, "end": end, "onebest": turn, "spk": number % 2})
        begin = end + 700
    body = {
        "state": {"code": 0, "success": True},
        "body": {"aid": "call-4711", "lattices": lattices},
    }
    daemon.post(HUAWEI, json.dumps({"body": body}).encode())


def take(browser: Browser, daemon: Daemon, shot: Shot) -> None:
    """Take the picture of a page."""
    size = {"width": shot.width, "height": shot.height}
    page = browser.new_page(viewport=size, color_scheme=shot.scheme)
    page.goto(f"http://127.0.0.1:{daemon.admin_port}/")
    if shot.result is not None:
        page.click(f"#results a:has-text('{shot.result}')")
        page.wait_for_selector(".said")
    page.screenshot(path=str(IMAGES / f"{shot.name}.png"))
    page.close()


if __name__ == "__main__":
    main()
