"""Photograph every page of a running site: the portal and the console, on a phone and on a desk, in each language asked for."""

import argparse
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import django
from playwright.sync_api import Browser, Page, sync_playwright

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "membership_site.settings")
django.setup()

from membership_site.seeding import secret_of  # noqa: E402  (reads settings, so it comes after their setup)

WIDTHS = {390: 844, 1280: 900}
SIGNED_OUT = {"sign-in": "/accounts/login/", "code": "/accounts/code/", "join": "/join", "resume": "/join/resume"}
TALLEST = 4000
DOORS = {"portal": "member1", "console": "compliance"}
LOCALES = {"en": "en-GB", "zh-hans": "zh-CN", "zh-hant": "zh-HK"}


def main() -> None:
    arguments = argparse.ArgumentParser(prog="make shots", description=__doc__)
    arguments.add_argument("site", help="the address of a running site, without a slash at the end")
    arguments.add_argument("--out", type=Path, default=Path(".local/shots"))
    arguments.add_argument("--door", choices=DOORS, action="append", help="only this door (repeatable)")
    arguments.add_argument("--language", choices=LOCALES, action="append", help="only this language (repeatable)")
    arguments.add_argument("--user", help="sign in as this user of the demonstration instead")
    asked = arguments.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        for door in asked.door or DOORS:
            for language in asked.language or LOCALES:
                for path in photograph(browser, door=door, language=language, asked=asked):
                    print(path)
        browser.close()


def photograph(browser: Browser, *, door: str, language: str, asked: argparse.Namespace) -> Iterator[Path]:
    """Sign in to one door in one language and yield each picture taken; pages are found once, at the first width."""
    context = browser.new_context(base_url=asked.site, locale=LOCALES[language], timezone_id="Asia/Shanghai")
    page = context.new_page()
    if door == "portal":
        yield from _take(page, SIGNED_OUT, asked.out, f"{door}-", language)
    page.goto("/accounts/login/")
    user = asked.user or DOORS[door]
    page.locator("input[name=login]").fill(user)
    page.locator("input[name=password]").fill(secret_of(user))
    page.locator("main button[type=submit]").click()
    page.wait_for_url(lambda url: "login" not in url)
    if page.locator("[data-demo-code]").count():
        yield from _take(page, {"second-step": page.url}, asked.out, f"{door}-", language)
        page.locator("input[name=code]").fill(page.locator("[data-demo-code]").text_content())
        page.locator("main button[type=submit]").first.click()
        page.wait_for_url(lambda url: "2fa" not in url)
    found = portal_pages(page) if door == "portal" else console_pages(page)
    yield from _take(page, found, asked.out, f"{door}-", language)
    context.close()


def portal_pages(page: Page) -> dict[str, str]:
    """Return the addresses of the member's pages by name; the entry is his newest."""
    found = {
        "home": "/",
        "points": "/points",
        "tier": "/tier",
        "me": "/me",
        "consents": "/me/consents",
        "family": "/family",
        "security": "/security/",
    }
    page.goto("/points")
    if page.locator("a.door").count():
        found["expiring"] = page.locator("a.door").first.get_attribute("href")
    if page.locator("a.line").count():
        found["entry"] = page.locator("a.line").first.get_attribute("href")
    for name in ("statements", "statement"):
        if statements := _links(page, "a[href^='/statements/']"):
            found[name] = statements[0]
            page.goto(found[name])
    return found | {"sign-out": "/accounts/logout/", "nothing": "/nothing-here"}


def console_pages(page: Page) -> dict[str, str]:
    """Return the addresses of the console's pages by name: each door of its menu, the first record behind it, its tabs."""
    found: dict[str, str] = {}
    for link in dict.fromkeys(["/console/", *_links(page, "nav a[href^='/console/']")]):
        name = re.sub(r"\W+", "-", link.removeprefix("/console/")).strip("-") or "home"
        found[name] = link
        page.goto(link)
        for record in _links(page, "table.list tbody a[href^='/console/']")[:1]:
            found[f"{name}-record"] = record
            page.goto(record)
            for tab in _links(page, "a[href^='?tab=']"):
                tab_name = re.sub(r"\W+", "-", tab.partition("=")[2])
                found[f"{name}-record-{tab_name}"] = record + tab
    return found


def _links(page: Page, selector: str) -> list[str]:
    return page.locator(selector).evaluate_all("links => links.map(link => link.getAttribute('href'))")


def _take(page: Page, pages: dict[str, str], out: Path, door: str, language: str) -> Iterator[Path]:
    for width, height in WIDTHS.items():
        for name, address in pages.items():
            page.set_viewport_size({"width": width, "height": height})
            page.goto(address)
            page.wait_for_load_state("networkidle")
            # A window as tall as the page, so that what sticks to an edge of it stands where it belongs.
            tall = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": max(height, min(tall, TALLEST))})
            path = out / f"{door}{name}-{width}-{language}.png"
            page.screenshot(path=path)
            yield path


if __name__ == "__main__":
    main()
