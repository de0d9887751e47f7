"""Visiting the site as a person does: a page that keeps every complaint of the browser, signing in, and asking axe."""

from typing import Any

from allauth.mfa.models import Authenticator
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from foundation.access.second_factors import APP
from tests.factories import PASSWORD
from tests.signing_in import SECOND_STEP, code_for

LANGUAGES = {"en": "en-GB", "zh-hans": "zh-CN", "zh-hant": "zh-TW"}
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


def open_page(browser: Browser, site: str, *, language: str = "en", width: int = 1280) -> tuple[Page, list[str]]:
    """Return a fresh page and the list that collects what must not happen: console errors, CSP violations, outside requests."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 844}, locale=LANGUAGES[language], base_url=site)
    page = context.new_page()

    def guard(route: Route) -> None:
        if route.request.url.startswith(site):
            route.continue_()
        else:
            complaints.append(f"asked outside: {route.request.url}")
            route.abort()

    page.route("**/*", guard)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


def sign_in(page: Page, username: str, *, password: str = PASSWORD, then: str = "/") -> None:
    """Sign in by the house's one door, with the factories' password unless told and the code of an app where there is one, and
    stand on the page `then`."""
    page.goto(f"/accounts/login/?next={then}")
    page.fill("[name=login]", username)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    if Authenticator.objects.filter(user__username=username, type=APP).exists():
        page.wait_for_url(f"**{SECOND_STEP}")
        page.fill("[name=code]", code_for(username))
        page.press("[name=code]", "Enter")
    page.wait_for_url(f"**{then}")


def violations(page: Page) -> list[Any]:
    """Return what axe finds wrong with the page: rule, and the elements at fault."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [(rule["id"], [node["html"][:160] for node in rule["nodes"]]) for rule in found]
