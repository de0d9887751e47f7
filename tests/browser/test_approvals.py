"""The inbox in a real browser: asked for and approved by keyboard alone, nothing wrong for axe, in three languages, on a phone too."""

from playwright.sync_api import Browser, Page, expect

from foundation.approvals.models import Request
from points.models import Entry, Kind
from tests.approvals.cast import Cast, assemble_committed
from tests.browser.visiting import open_page, sign_in, violations

FILE = 'member number,currency,points,reason,expires on\nA-WANG,points,25,补偿,\nNOBODY,points,"1,000",,2020-01-01\n'


def tab_to(page: Page, text: str) -> None:
    """Press Tab until what is focused says `text`."""
    for _tab in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText || ''").strip() == text:
            return
    raise AssertionError(f"no way by keyboard to {text}")


def ask_by_keyboard(page: Page, cast: Cast) -> None:
    """Ask for 500 points for Wang, from his page, without a mouse."""
    page.goto(f"/console/members/member/{cast.wang.pk}/")
    tab_to(page, "Correct points")
    page.keyboard.press("Enter")
    page.wait_for_url("**/correct/")
    page.focus("[name=points]")
    page.keyboard.type("500")
    page.keyboard.press("Tab")
    page.keyboard.type("goodwill")
    page.keyboard.press("Enter")
    page.wait_for_url("**/approvals/request/*/")


def test_a_correction_is_asked_for_and_approved_by_keyboard_alone(chromium: Browser, site: str) -> None:
    cast = assemble_committed()
    maker, complaints = open_page(chromium, site)
    sign_in(maker, cast.lin.username, then="/console/")
    ask_by_keyboard(maker, cast)
    checker, more = open_page(chromium, site)
    sign_in(checker, cast.mo.username, then="/console/")

    checker.goto("/console/approvals/request/?to=me")
    tab_to(checker, "Correct points")
    checker.keyboard.press("Enter")
    checker.wait_for_url("**/approvals/request/*/?*")
    tab_to(checker, "Approve")
    checker.keyboard.press("Enter")

    expect(checker.get_by_role("status")).to_have_text("Approved and done.")
    assert Entry.objects.get(kind=Kind.ADJUST).points == 500
    assert complaints + more == []


def test_the_pages_are_accessible_in_every_language_and_on_a_phone(chromium: Browser, site: str) -> None:
    cast = assemble_committed()
    page, complaints = open_page(chromium, site)
    sign_in(page, cast.lin.username, then="/console/")
    ask_by_keyboard(page, cast)
    page.goto("/console/points/corrections/")
    page.set_input_files("[name=file]", {"name": "march.csv", "mimeType": "text/csv", "buffer": FILE.encode()})
    page.get_by_role("button", name="Correct points by file").click()
    page.wait_for_url("**/corrections/*-*/")
    trial = page.url.removeprefix(site)
    page.context.close()
    made = Request.objects.get()
    own = ("/console/approvals/request/", f"/console/approvals/request/{made.pk}/", trial)
    forms = (f"/console/members/member/{cast.wang.pk}/correct/", "/console/points/corrections/")
    found, too_wide = {}, {}

    for user, paths in ((cast.lin, (*own, *forms)), (cast.mo, ("/console/", *own[:2]))):
        for language, width in (("en", 1280), ("zh-hans", 390), ("zh-hant", 390)):
            page, more = open_page(chromium, site, language=language, width=width)
            sign_in(page, user.username, then="/console/")
            for path in paths:
                assert page.goto(path).status == 200, path
                if wrong := violations(page):
                    found[language, path] = wrong
                if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                    too_wide[language, path] = overflow
            page.context.close()
            complaints += more

    assert (found, too_wide, complaints) == ({}, {}, [])
