"""Tiers in a real browser: a clerk answers “why not gold?” in two clicks; the forms and the estimate, for axe, by keyboard, in three
languages."""

from playwright.sync_api import Browser, expect

from members.models import Member
from membership_site.seeding import secret_of
from tests.browser.visiting import open_page, sign_in, violations
from tiers.models import Programme, Standing

WAYS = (("en", 1280), ("zh-hans", 390), ("zh-hant", 390))


def test_a_clerk_answers_why_not_gold_in_two_clicks(chromium: Browser, site: str, demo_bank: None) -> None:
    programme = Programme.objects.get(is_main=True)
    held = Standing.objects.filter(programme=programme, tier__rank__gt=0).values("member")
    member = Member.objects.filter(branch__code="101").exclude(pk__in=held).select_related("person").latest("number")
    page, complaints = open_page(chromium, site)
    sign_in(page, "teller", password=secret_of("teller"), then="/console/members/member/")
    clicks = 0

    # The member is searched for or stands in the list: one click opens him.
    page.get_by_role("link", name=member.number).click()
    clicks += 1
    page.wait_for_url(f"**/console/members/member/{member.pk}/**")
    expect(page.locator(".words")).to_contain_text("Missing for Silver")
    page.get_by_role("link", name="Why not Gold?").click()
    clicks += 1

    expect(page.get_by_role("columnheader", name="Gold from")).to_be_visible()
    expect(page.get_by_text("Missing for Gold: ")).to_be_visible()
    assert clicks <= 2
    assert complaints == []


def test_the_forms_of_a_members_tier_are_accessible_in_three_languages(
    chromium: Browser, site: str, demo_bank: None
) -> None:
    member = Member.objects.filter(branch__code="101").earliest("number")
    main, found, too_wide = Programme.objects.get(is_main=True), {}, {}
    address = f"/console/members/member/{member.pk}/"
    paths = (f"{address}protect/{main.code}/", f"{address}?tab=tier&date=2026-01-01", f"{address}?tab=tier&date=x")
    for language, width in WAYS:
        page, complaints = open_page(chromium, site, language=language, width=width)
        sign_in(page, "teller", password=secret_of("teller"), then="/console/")
        for path in paths:
            assert page.goto(path).status == 200
            if wrong := violations(page):
                found[language, path] = wrong
            if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                too_wide[language, path] = overflow
        page.context.close()
        assert complaints == []

    assert found == {}
    assert too_wide == {}


def test_a_teller_asks_by_keyboard_and_a_manager_decides(chromium: Browser, site: str, demo_bank: None) -> None:
    held = Standing.objects.filter(tier__rank__gt=0).values("member")
    member = Member.objects.filter(branch__code="101").exclude(pk__in=held).earliest("number")
    page, complaints = open_page(chromium, site)
    sign_in(page, "teller", password=secret_of("teller"), then="/console/")
    page.goto(f"/console/members/member/{member.pk}/protect/premier/")
    page.get_by_label("Tier", exact=False).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.get_by_label("Until").fill(page.evaluate("new Date(Date.now() + 90 * 864e5).toISOString().slice(0, 10)"))
    page.get_by_label("Reason").focus()
    page.keyboard.type("salary account")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/approvals/request/**")
    request = page.url
    page.context.close()

    page, more = open_page(chromium, site)
    sign_in(page, "supervisor", password=secret_of("supervisor"), then="/console/")
    page.goto(request)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved and done.")).to_be_visible()
    page.goto("/console/tiers/protection/?status=running")

    expect(page.get_by_role("link", name=member.number)).to_be_visible()
    assert violations(page) == []
    assert complaints + more == []


def test_the_estimate_is_accessible_and_works_without_script(chromium: Browser, site: str, demo_bank: None) -> None:
    found = {}
    for language, width in (*WAYS, ("en", 390)):
        page, complaints = open_page(chromium, site, language=language, width=width)
        sign_in(page, "member2", password=secret_of("member2"))
        for path in ("/tier", "/tier?spend=1000", "/tier?spend=x"):
            assert page.goto(path).status == 200
            if wrong := violations(page):
                found[language, width, path] = wrong
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (language, width, path)
        page.context.close()
        assert complaints == []
    assert found == {}

    context = chromium.new_context(base_url=site, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    sign_in(page, "member2", password=secret_of("member2"))
    page.goto("/tier")
    page.get_by_label("If I pay by card each month").fill("2000")
    page.get_by_role("button", name="Show my tier").click()

    expect(page.get_by_role("heading", name="With ¥2,000.00 by card each month").first).to_be_visible()
    context.close()
