"""The editor of rules in a real browser: by keyboard, without a script, on a phone, in three languages, and nothing wrong for axe."""

from playwright.sync_api import Browser, expect

from foundation import transactions
from tests.browser.visiting import open_page, sign_in, violations
from tests.tiers.rules import FIRST, assemble_committed, begin, changed
from tiers.models import Draft

DRAFTS = "/console/tiers/draft/"
# The words follow when the server has answered, which may take long on a busy machine.
SLOW = 60_000


def test_the_pages_are_accessible_in_every_language_and_on_a_phone(chromium: Browser, site: str) -> None:
    rules = assemble_committed()
    wrong = FIRST | {"conditions": [*FIRST["conditions"], {"tier": "gold", "group": 3}], "validity_months": "soon"}
    each = [transactions.commit(begin, rules=rules, document=one).pk for one in (changed(1500), wrong, {})]
    paths = (
        DRAFTS,
        f"{DRAFTS}begin/",
        *(f"{DRAFTS}{pk}/" for pk in each),
        f"{DRAFTS}{each[0]}/ask/",
        f"/console/tiers/rulebook/{rules.book.pk}/",
        f"/console/tiers/rulebook/{rules.book.pk}/back/",
    )
    found, too_wide, complaints = {}, {}, []

    for language, width in (("en", 1280), ("zh-hans", 390), ("zh-hant", 390)):
        page, more = open_page(chromium, site, language=language, width=width)
        sign_in(page, rules.pan.username, then="/console/")
        for path in paths:
            assert page.goto(path).status == 200, path
            if bad := violations(page):
                found[language, path] = bad
            if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                too_wide[language, path] = overflow
        page.context.close()
        complaints += more

    assert (found, too_wide, complaints) == ({}, {}, [])


def test_the_words_follow_what_is_typed_and_fields_without_a_meaning_are_away(chromium: Browser, site: str) -> None:
    rules = assemble_committed()
    draft = transactions.commit(begin, rules=rules)
    page, complaints = open_page(chromium, site)
    sign_in(page, rules.pan.username, then="/console/")
    page.goto(f"{DRAFTS}{draft.pk}/")

    page.fill("#c-0-enter", "1900")
    expect(page.locator("#words")).to_contain_text("1,899 growth points", timeout=SLOW)
    expect(page.locator("#state")).to_contain_text("not saved yet", timeout=SLOW)
    page.select_option("#downgrade", "immediate")
    expect(page.locator("#grace")).to_be_hidden()
    page.select_option("#c-0-metric", "tenure")
    expect(page.locator("#c-0-window")).to_be_hidden()
    expect(page.locator("#words")).to_contain_text("Gold does not ask in group 1 for what Silver asks", timeout=SLOW)

    assert violations(page) == []
    assert complaints == []
    assert Draft.objects.get().document == FIRST


def test_a_condition_is_added_and_filled_in_by_keyboard_alone(chromium: Browser, site: str) -> None:
    rules = assemble_committed()
    draft = transactions.commit(begin, rules=rules)
    page, complaints = open_page(chromium, site)
    sign_in(page, rules.pan.username, then="/console/")
    page.goto(f"{DRAFTS}{draft.pk}/")

    page.get_by_role("button", name="Add another way · Gold").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**#c-4-metric")
    expect(page.locator("#c-4-metric")).to_be_focused()
    page.keyboard.type("tenure")
    page.keyboard.press("Tab")
    page.keyboard.type("60")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_have_text("Saved.", timeout=SLOW)
    assert Draft.objects.get().document["conditions"][4] == {
        "tier": "gold", "group": 3, "metric": "tenure", "enter": 60,
    }  # fmt: skip
    assert complaints == []


def test_the_editor_works_without_its_script(chromium: Browser, site: str) -> None:
    rules = assemble_committed()
    draft = transactions.commit(begin, rules=rules)
    context = chromium.new_context(java_script_enabled=False, base_url=site, locale="en-GB")
    page = context.new_page()
    sign_in(page, rules.pan.username, then="/console/")
    page.goto(f"{DRAFTS}{draft.pk}/")

    page.get_by_role("button", name="Add a condition · Silver · 1").click()
    page.select_option("#c-1-metric", "products_held")
    page.fill("#c-1-enter", "2")
    page.fill("#c-0-enter", "1900")
    page.get_by_role("button", name="Save", exact=True).last.click()

    expect(page.locator("#words")).to_contain_text("Gold does not ask in group 1 for what Silver asks", timeout=SLOW)
    assert [one["metric"] for one in Draft.objects.get().document["conditions"][:2]] == [
        "growth_points",
        "products_held",
    ]
    context.close()
