"""The status page in a real browser."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import quote_plus, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.daemon.indexed import add_to_index
from tests.daemon.process import Daemon
from tests.daemon.serving import FLAT, serving
from tests.durability.requirements import require

TENCENT = "/callbacks/tencent"
HUAWEI = "/oifde/rest/sysapi/asrcallback"
KEY = "0123456789abcdef"
PROVIDERS: dict[str, Any] = {"tencent": {"key": KEY}, "huawei": {"allow": ["127.0.0.0/8"]}}
SCRIPT = "<script>document.title='taken over'</script><img src=x onerror=document.title='taken'>"
ARABIC = "مرحبا \u202eevil\u202c بالعالم"
LIVE_S = 2.0
NARROW = {"width": 360, "height": 740}

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Debian's Chromium."""
    require(lambda: None if which("chromium") else "chromium (Debian: chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon with one result of each kind."""
    folder = tmp_path_factory.mktemp("status")
    with serving(folder, providers=PROVIDERS, output=FLAT) as started:
        assert post(started, "4000048858", "[0:1.640,0:4.600]  hello").status == 200
        assert post(started, "script", SCRIPT).status == 200
        assert post(started, "arabic", ARABIC).status == 200
        failed = b"code=10001&requestId=failed&message=no+audio" + quote_plus(SCRIPT).encode()
        assert started.post(f"{TENCENT}?key={KEY}", failed).status == 200
        assert started.post(f"{TENCENT}?key={KEY}", b"nonsense").status == 400
        yield started


def post(daemon: Daemon, id_: str, text: str) -> Any:
    """Send a Tencent result."""
    body = f"code=0&requestId={quote_plus(id_)}&text={quote_plus(text)}&audioTime=8.42"
    return daemon.post(f"{TENCENT}?key={KEY}", body.encode())


@pytest.fixture
def page(browser: Browser, daemon: Daemon) -> Iterator[Page]:
    """Return a tab that fails the test at a console message or a request to another host."""
    with closing(browser.new_context()) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend(foreign(request.url, daemon)))
        page.goto(f"http://127.0.0.1:{daemon.admin_port}/")
        yield page
        assert complaints == []


def foreign(url: str, daemon: Daemon) -> list[str]:
    """Return a URL unless it is the daemon's own."""
    return [] if urlsplit(url).netloc == f"127.0.0.1:{daemon.admin_port}" else [url]


def open_result(page: Page, id_: str) -> None:
    """Follow the link of a result."""
    page.click(f"#results a:has-text('{id_}')")
    page.wait_for_selector("h1")


def violations(page: Page) -> list[str]:
    """Return what axe-core finds that is serious."""
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {[node['target'] for node in violation['nodes']]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]


def test_result_is_shown_while_the_page_is_open(page: Page, daemon: Daemon) -> None:
    for number in range(3):
        id_ = f"live-{number}-{time.time_ns()}"
        began_s = time.monotonic()
        assert post(daemon, id_, "hello").status == 200
        page.wait_for_selector(f"#results a:has-text('{id_}')", timeout=10_000)
        assert time.monotonic() - began_s < LIVE_S
    assert "tencent committed" in page.inner_text("#chart")


def test_result_opens_to_its_text(page: Page) -> None:
    open_result(page, "4000048858")
    assert page.inner_text(".said") == "hello"
    assert page.locator(".timeline rect").count() == 1


def test_script_is_text(page: Page) -> None:
    assert "no audio<script>" in page.inner_text("#failures")
    open_result(page, "script")
    assert page.inner_text(".said") == SCRIPT
    assert page.title() == "script - asr-daemon"


def test_right_to_left_text_stays_in_its_place(page: Page) -> None:
    open_result(page, "arabic")
    assert page.inner_text(".said") == ARABIC
    direction = page.eval_on_selector(".said", "element => getComputedStyle(element).direction")
    assert direction == "rtl"


def test_reasons_of_what_failed_and_was_rejected(page: Page) -> None:
    failures = page.inner_text("#failures")
    assert "code 10001: no audio" in failures
    assert "rejected" in failures


def test_secrets_are_hidden(page: Page) -> None:
    page.click("summary")
    settings = page.inner_text(".settings")
    assert "providers.tencent.key" in settings
    assert "(hidden)" in settings
    assert KEY not in page.content()


def test_filter_with_the_keyboard(page: Page) -> None:
    page.focus("input[name=id]")
    page.keyboard.type("arab")
    page.keyboard.press("Enter")
    page.wait_for_url("**id=arab**")
    assert page.locator("#results tbody tr").count() == 1
    page.focus("#results tbody a")
    page.keyboard.press("Enter")
    page.wait_for_selector(".said")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("id_", [None, "4000048858"])
def test_accessible(page: Page, scheme: Any, id_: str | None) -> None:
    page.emulate_media(color_scheme=scheme)
    if id_ is not None:
        open_result(page, id_)
    else:
        page.click("summary")
    assert violations(page) == []


@pytest.mark.parametrize("id_", [None, "4000048858", "arabic"])
def test_fits_on_a_phone(page: Page, id_: str | None) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    if id_ is not None:
        open_result(page, id_)
    else:
        page.click("summary")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_a_hundred_thousand_segments(page: Page, daemon: Daemon) -> None:
    lattices = [
        {
            "begin": 1000 * n,
            "end": 1000 * n + 900,
            "onebest": SCRIPT if n % 50 == 0 else f"{n}",
            "spk": n % 5,
        }
        for n in range(100_000)
    ]
    body = {"state": {"code": 0, "success": True}, "body": {"aid": "long", "lattices": lattices}}
    posted = daemon.post(HUAWEI, json.dumps({"body": body}).encode())
    assert json.loads(posted.body)["retCode"] == "0"
    page.wait_for_selector("#results a:has-text('long')")
    began_s = time.monotonic()
    open_result(page, "long")
    page.wait_for_selector(".said")
    assert time.monotonic() - began_s < 10
    assert page.locator(".said").count() == 500
    assert page.locator(".timeline rect").count() <= 1000
    assert "of 100000" in page.inner_text("main")
    page.click("text=later segments")
    page.wait_for_selector("text=Segments 501 to 1000")
    assert page.title() == "long - asr-daemon"


def test_a_hundred_thousand_results(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, output=FLAT) as daemon:
        assert daemon.post(TENCENT, b"code=0&requestId=1&text=x").status == 200
        daemon.stop()
    add_to_index(tmp_path / "state", 100_000)
    with serving(tmp_path, output=FLAT) as daemon, closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{daemon.admin_port}/")
        assert page.locator("#results tbody tr").count() == 25
        assert page.inner_text("#results tbody tr:first-child a") == "99999"
        page.click("text=older results")
        page.wait_for_selector("#results a:has-text('99974')")
        began_s = time.monotonic()
        assert daemon.post(TENCENT, b"code=0&requestId=latest&text=x").status == 200
        page.goto(f"http://127.0.0.1:{daemon.admin_port}/?id=latest")
        page.wait_for_selector("#results a:has-text('latest')")
        assert time.monotonic() - began_s < LIVE_S


def test_daemon_that_goes_away_is_noticed(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path) as daemon, closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{daemon.admin_port}/")
        daemon.stop()
        page.wait_for_selector("#offline:not([hidden])", timeout=10_000)
