"""The member's pages in a real browser: nothing wrong for axe, nothing refused by the policy, and all of it by keyboard."""

import itertools

import pytest
from playwright.sync_api import Browser, Page, expect

from foundation import transactions
from foundation.access.models import User
from foundation.actors import Actor
from foundation.jobs import clock
from members import families
from members.models import FamilyMembership, Member
from membership_site.seeding import secret_of
from points.models import Entry, PointCurrency, Purse
from tests.browser.visiting import open_page, sign_in, violations

# What a first visit may load, all of it together.
HEAVIEST_BYTES = 100 * 1024
SMALLEST_TARGET = 44
# What the demonstration's app asks a member.
ASKED_BY_AN_APP = (
    "/oauth/authorize?response_type=code&client_id=member-app&redirect_uri=http://127.0.0.1:8765/back&scope=me:read"
    "&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
)


@pytest.fixture
def member(demo_bank: None) -> Member:
    """The member with the longest history, who signs in as member1."""
    longest = Purse.objects.filter(currency_id=PointCurrency.objects.get(code="reward").pk).latest("entries")
    user = User.objects.get(username="member1")
    Member.objects.filter(user=user).update(user=None)
    Member.objects.filter(pk=longest.member_id).update(user=user)
    return Member.objects.get(user=user)


@pytest.fixture
def family(member: Member) -> None:
    """The member is head of a family of two, has invited a third, and is invited himself by a fourth."""
    trail = {"at": clock.now(), "actor": Actor.job("test")}
    other, _third, fourth = Member.objects.exclude(pk=member.pk).order_by("number")[:3]
    for head, number in ((member, other.number), (member, "88009999"), (fourth, member.number)):
        transactions.commit(families.invite, member_id=head.pk, number=number, **trail)
    place = FamilyMembership.objects.inviting(other.number).get()
    transactions.commit(families.accept, membership_id=place.pk, member_id=other.pk, **trail)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element that `selector` names has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is out of the keyboard's reach")


def test_every_page_is_accessible_and_keeps_to_the_policy(
    chromium: Browser, site: str, member: Member, family: None
) -> None:
    entry = Entry.objects.filter(member_id=member.pk, currency_id=1).latest("number")
    statements = ("/statements/reward", f"/statements/reward/{entry.booked_on:%Y-%m}")
    points = ("/points", "/points/reward/expiring", f"/points/reward/{entry.number}", *statements)
    inside = (
        "/",
        *points,
        "/tier",
        "/me",
        "/me/consents",
        "/me/apps",
        ASKED_BY_AN_APP,
        "/me/preferences",
        "/me/leave",
        "/me/data",
        "/me/data/erase",
        "/me/details",
        "/me/details/correct",
        "/family",
        "/accounts/logout/",
    )
    found, too_wide = {}, {}

    def look(page: Page, path: str, *where: object) -> None:
        page.goto(path)
        if wrong := violations(page):
            found[*where, path] = wrong
        if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            too_wide[*where, path] = overflow

    for language, width in itertools.product(("en", "zh-hans", "zh-hant"), (390, 1280)):
        page, complaints = open_page(chromium, site, language=language, width=width)
        look(page, "/accounts/login/", language, width)
        sign_in(page, "member1", password=secret_of("member1"), then="/")
        for path in inside:
            look(page, path, language, width)
        page.context.close()

        assert complaints == [], (language, width)
    assert found == {}
    assert too_wide == {}


def test_a_member_signs_in_and_asks_why_by_keyboard_alone(chromium: Browser, site: str, member: Member) -> None:
    page, complaints = open_page(chromium, site)
    page.goto("/accounts/login/?next=/")

    tab_to(page, "input[name=login]")
    page.keyboard.type("member1")
    tab_to(page, "input[name=password]")
    page.keyboard.type(secret_of("member1"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/")
    tab_to(page, ".doors a[href='/points']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/points")
    tab_to(page, "a.line")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/points/reward/*")

    expect(page.get_by_role("main")).to_contain_text("By the rule")
    assert complaints == []


def test_earlier_entries_arrive_in_place_and_the_focus_goes_with_them(
    chromium: Browser, site: str, member: Member
) -> None:
    page, complaints = open_page(chromium, site)
    sign_in(page, "member1", password=secret_of("member1"), then="/")
    page.goto("/points/reward")
    before = page.locator("a.line").count()

    tab_to(page, ".more a")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("more")

    focused = page.evaluate("[...document.querySelectorAll('a.line')].indexOf(document.activeElement)")
    assert focused == before
    assert page.url == f"{site}/points/reward"
    assert complaints == []

    page.goto("/points/reward")
    page.context.clear_cookies()
    page.get_by_role("link", name="Earlier entries").click()
    page.wait_for_url("**/accounts/login/?next=/points/reward")


def test_the_first_page_is_light_and_every_target_is_large_enough(chromium: Browser, site: str, member: Member) -> None:
    page, _complaints = open_page(chromium, site, width=390)
    sign_in(page, "member1", password=secret_of("member1"), then="/")
    page.goto("/")
    weight = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
    )
    small = page.evaluate(
        "least => [...document.querySelectorAll('main a, nav a, button')].map(one => [one.textContent, one.getBoundingClientRect()])"
        ".filter(([text, box]) => box.height < least).map(([text]) => text.trim())",
        SMALLEST_TARGET,
    )

    assert weight <= HEAVIEST_BYTES
    assert small == []
