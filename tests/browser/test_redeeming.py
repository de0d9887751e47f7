"""Using points and taking them back in a real browser, at the counter and on a phone: by keyboard, and nothing wrong for axe."""

import pytest
from playwright.sync_api import Browser, Page, expect

from foundation.access.models import User
from members.models import Member
from membership_site.seeding import secret_of
from points.models import PointCurrency, Purse, Redemption
from tests.browser.visiting import open_page, sign_in, violations


@pytest.fixture
def member(demo_bank: None) -> Member:
    """The member of the teller's branch with the most points, who signs in as member1."""
    purses = Purse.objects.filter(currency_id=PointCurrency.objects.get(code="reward").pk)
    branch = Member.objects.filter(branch__code="101").values("pk")
    richest = purses.filter(member_id__in=branch).latest("available")
    user = User.objects.get(username="member1")
    Member.objects.filter(user=user).update(user=None)
    Member.objects.filter(pk=richest.member_id).update(user=user)
    return Member.objects.get(user=user)


def seen(page: Page) -> None:
    """Look at the page with axe, and at its width."""
    assert violations(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url


def test_a_member_uses_points_by_keyboard_and_takes_them_back(chromium: Browser, site: str, member: Member) -> None:
    page, complaints = open_page(chromium, site, width=390)
    sign_in(page, "member1", password=secret_of("member1"), then="/")
    page.goto("/points/reward/use")
    page.get_by_label("Points to use").fill("9" * 12)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("There are not enough points for this.")
    seen(page)

    page.get_by_label("Points to use").fill("20")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Use 20 points")).to_be_visible()
    seen(page)
    page.get_by_role("button", name="Use 20 points").press("Enter")
    page.get_by_role("link", name="Take it back").press("Enter")
    expect(page.get_by_role("heading", name="What comes back")).to_be_visible()
    seen(page)
    page.get_by_role("button", name="Take 20 points back").press("Enter")

    expect(page.get_by_text("and the points came back")).to_be_visible()
    seen(page)
    assert Redemption.objects.get().state == "cancelled"
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_teller_redeems_and_cancels(chromium: Browser, site: str, member: Member, width: int) -> None:
    page, complaints = open_page(chromium, site, width=width)
    sign_in(page, "teller", password=secret_of("teller"), then="/console/")
    page.goto(f"/console/members/member/{member.pk}/?tab=points")
    seen(page)

    page.get_by_role("link", name="Redeem points").press("Enter")
    expect(page.get_by_role("heading", name="Redeem points")).to_be_visible()
    seen(page)
    page.get_by_label("Points to use").fill("20")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Redeem 20 points")).to_be_visible()
    seen(page)
    page.get_by_role("button", name="Redeem 20 points").press("Enter")
    expect(page.get_by_role("status")).to_have_text("Redeemed: 20 points.")
    seen(page)
    page.get_by_role("link", name="Cancel").first.press("Enter")
    expect(page.get_by_role("heading", name="What comes back")).to_be_visible()
    seen(page)
    page.get_by_role("button", name="Cancel a redemption").press("Enter")

    expect(page.get_by_role("status")).to_have_text("Cancelled: 20 points came back.")
    assert Redemption.objects.get().state == "cancelled"
    assert complaints == []
