"""A frozen purse in a real browser, and the family's points beside one's own: on a phone and a desk, nothing wrong for axe."""

import datetime

import pytest
from playwright.sync_api import Browser, expect

from foundation import transactions
from foundation.access.models import User
from foundation.jobs import clock
from foundation.jobs.models import Bank
from members import families
from members.models import FamilyMembership, Member
from membership_site.seeding import secret_of
from points import pooling
from points.models import PointCurrency, Redemption
from tests.browser.test_redeeming import member, seen  # noqa: F401
from tests.browser.visiting import open_page, sign_in
from tests.points.cast import CLERK


@pytest.fixture
def head(member: Member) -> Member:  # noqa: F811
    """The richest member of the teller's branch, as head: who signs in as member2 may use 100 of his points a month."""
    Bank.objects.update(family_pool=True)
    kin = Member.objects.get(user=User.objects.get(username="member2"))
    trail = {"at": clock.now() - datetime.timedelta(hours=1), "actor": CLERK}
    transactions.commit(families.invite, member_id=member.pk, number=kin.number, **trail)
    place = FamilyMembership.objects.inviting(kin.number).get()
    transactions.commit(families.accept, membership_id=place.pk, member_id=kin.pk, **trail)
    currency_id = PointCurrency.objects.get(code="reward").pk
    grant = {"membership_id": place.pk, "currency_id": currency_id, "points_per_month": 100}
    transactions.commit(pooling.grant, head_member_id=member.pk, **grant, **trail)
    return member


@pytest.mark.parametrize("width", [390, 1280])
def test_a_teller_freezes_and_the_member_reads_it(chromium: Browser, site: str, member: Member, width: int) -> None:  # noqa: F811
    page, complaints = open_page(chromium, site, width=width)
    sign_in(page, "teller", password=secret_of("teller"), then="/console/")
    page.goto(f"/console/members/member/{member.pk}/?tab=points")
    page.get_by_role("link", name="Freeze points").press("Enter")
    seen(page)
    page.get_by_label("Reason").fill("phone lost")
    page.keyboard.press("Enter")
    expect(page.get_by_text("phone lost")).to_be_visible()
    seen(page)

    own, more = open_page(chromium, site, width=width)
    sign_in(own, "member1", password=secret_of("member1"), then="/")
    for address in ("/points/reward", "/points/reward/use"):
        own.goto(address)
        expect(own.get_by_text("These points are frozen")).to_be_visible()
        seen(own)
    assert complaints == more == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_member_uses_the_familys_points_and_takes_them_back(
    chromium: Browser, site: str, head: Member, width: int
) -> None:
    page, complaints = open_page(chromium, site, width=width)
    sign_in(page, "member2", password=secret_of("member2"), then="/")
    page.goto("/family")
    page.get_by_role("link", name="Use the family's points").press("Enter")
    expect(page.get_by_label("The family's, 100 left this month")).to_be_checked()
    seen(page)
    page.get_by_label("Points to use").fill("60")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Left after it")).to_be_visible()
    seen(page)
    page.get_by_role("button", name="Use 60 points").press("Enter")
    expect(page.get_by_role("heading", name="What you used of the family's points")).to_be_visible()
    seen(page)
    page.get_by_role("link", name="Take it back").press("Enter")
    seen(page)
    page.get_by_role("button", name="Take 60 points back").press("Enter")

    expect(page.get_by_text("went back to the head of the family")).to_be_visible()
    assert (Redemption.objects.get().state, Redemption.objects.get().member_id) == ("cancelled", head.pk)
    assert complaints == []
