"""A real browser before the real site, on a database of its own.

`site` is the address of a live server on the test's clone; `chromium` the machine's browser. Without one the tests are skipped
with the reason, and fail on that skip where CI=true.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        reason = "no chromium on PATH: apt-get install chromium fonts-noto-cjk"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    # Playwright keeps an event loop in this thread, in which Django would refuse to make the test's rows.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site(committed: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the site from this process on the clone; WhiteNoise gives the static files, as in production."""
    # A thread of the server gives its connection back with each answer, so that the clone can be dropped.
    monkeypatch.setitem(settings.DATABASES["default"], "CONN_MAX_AGE", 0)
    server = LiveServerThread("127.0.0.1", lambda application: application)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    yield f"http://127.0.0.1:{server.port}"
    server.terminate()
    connections.close_all()


@pytest.fixture
def demo_bank(committed: str) -> None:
    """Seed two hundred members with their facts, and close the three nights that are due."""
    call_command("seed_demo", members=200, nights=3)
    call_command("close_day", due=True)
