"""The import wizard in a real browser: by keyboard through the five steps, nothing wrong for axe, in three languages, on a phone too."""

from playwright.sync_api import Browser, expect

from foundation import transactions
from importing import sending
from importing.models import Import
from members.models import Member
from tests.browser.test_approvals import tab_to
from tests.browser.visiting import open_page, sign_in, violations
from tests.importing.cast import MEMBERS, OPENING, approve, ask, assemble_committed, checked, upload, work

LIST = "/console/importing/import/"
ROWS = "88000001,101,2020-05-01,王小明,13800000001,,\n88000002,999,2020-05-01,李雷,13900000002,,\n"


def test_a_file_comes_in_by_keyboard_alone(chromium: Browser, site: str, monkeypatch) -> None:
    monkeypatch.setattr(sending, "send", lambda import_id: None)
    cast = assemble_committed()
    page, complaints = open_page(chromium, site)
    sign_in(page, cast.mo.username, then="/console/")
    page.goto(LIST)
    tab_to(page, "Import a file")
    page.keyboard.press("Enter")
    page.wait_for_url("**/start/")
    page.focus("[name=source]")
    page.keyboard.type("old-core")
    page.set_input_files("[name=file]", {"name": "m.csv", "mimeType": "text/csv", "buffer": (MEMBERS + ROWS).encode()})
    page.focus("[name=control_total]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/import/*-*/")

    tab_to(page, "Try the rows out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The rows are being tried out")).to_be_visible()
    transactions.commit(work, import_=Import.objects.get())
    tab_to(page, "Look again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("cell", name="None of your branches has this code.")).to_be_visible()
    page.focus("[name=reason]")
    page.keyboard.type("moving in")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Asked for. Another person decides.")).to_be_visible()
    assert complaints == []
    assert not Member.objects.filter(number="88000001").exists()


def test_the_pages_are_accessible_in_every_language_and_on_a_phone(chromium: Browser, site: str, monkeypatch) -> None:
    monkeypatch.setattr(sending, "send", lambda import_id: None)
    cast = assemble_committed()
    mapped = transactions.commit(upload, cast=cast, content=MEMBERS + ROWS)
    trial = transactions.commit(checked, cast=cast, content=MEMBERS + ROWS)
    running = transactions.commit(checked, cast=cast, content=MEMBERS + ROWS, name="b.csv")
    request = transactions.commit(ask, import_=running)
    transactions.commit(approve, made=request, user=cast.bai)
    lots = OPENING + "A-WANG,points,1200,2025-03-10,2027-03-31,L-1\nNOBODY,points,1,2025-03-10,,\n"
    done = transactions.commit(checked, cast=cast, content=lots, kind="opening", control_total=1201)
    transactions.commit(approve, made=transactions.commit(ask, import_=done), user=cast.fang)
    transactions.commit(work, import_=done)
    pages = [LIST, f"{LIST}start/", *(f"{LIST}{one.pk}/" for one in (mapped, trial, running, done))]
    pages.append(f"/console/approvals/request/{request.pk}/")
    found, too_wide, complaints = {}, {}, []

    for language, width in (("en", 1280), ("zh-hans", 390), ("zh-hant", 390)):
        page, more = open_page(chromium, site, language=language, width=width)
        sign_in(page, cast.mo.username, then="/console/")
        for path in pages:
            assert page.goto(path).status == 200, path
            if wrong := violations(page):
                found[language, path] = wrong
            if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                too_wide[language, path] = overflow
        page.context.close()
        complaints += more

    assert (found, too_wide, complaints) == ({}, {}, [])
