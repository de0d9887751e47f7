"""The API's pages in a real browser."""

from playwright.sync_api import Browser, expect

from tests.browser.visiting import open_page


def test_the_apis_pages_keep_to_the_policy_and_ask_nobody_outside(chromium: Browser, site: str) -> None:
    page, complaints = open_page(chromium, site)

    page.goto("/api/v1/docs")
    expect(page.get_by_text("Report activities and earn on them at once")).to_be_visible()

    assert complaints == []
