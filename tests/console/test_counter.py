"""A teller redeems and takes back, for the members under his branch: two steps each, one effect however often he clicks."""

import datetime
import re
import uuid

import pytest
from django.db import transaction
from django.test import Client

from foundation.access.models import Role
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from members.models import Member
from points.models import Entry, Kind, PointCurrency, Purse, Redemption
from tests.api.conftest import earn
from tests.console.conftest import House, posted
from tests.factories import BankFactory, BranchFactory, MemberFactory, PointCurrencyFactory, StaffFactory

KEY = str(uuid.UUID(int=7))


def path(member: Member, what: str = "redeem/points/") -> str:
    return f"/console/members/member/{member.pk}/{what}"


def form(**changed: object) -> dict[str, object]:
    return {"points": "80", "purpose": "cash_offset", "key": KEY, **changed}


class Counter:
    """A committed bank with a branch, its teller at a client, and a member with 100 points."""

    def __init__(self) -> None:
        BankFactory(business_date=clock.today())
        PointCurrencyFactory()
        self.branch = BranchFactory(code="101")
        self.member = MemberFactory(branch=self.branch)
        earn(self.member, 100)
        self.teller = Client()
        self.teller.force_login(posted(Role.TELLER, self.branch))

    def redeem(self, **changed: object):
        return self.teller.post(path(self.member), form(confirmed="1", **changed))


@pytest.fixture
def counter(committed) -> Counter:
    with transaction.atomic():
        return Counter()


def available() -> int:
    return Purse.objects.get().available


def test_he_sees_the_balance_after_it_before_anything_moves(counter: Counter) -> None:
    page = counter.teller.get(path(counter.member))
    check = counter.teller.post(path(counter.member), form())

    assert re.search(r'name="key" value="[0-9a-f-]{36}"', page.content.decode())
    assert (check.context["available"], check.context["after"]) == (100, 20)
    assert f'name="key" value="{KEY}"' in check.content.decode()
    assert "Redeem 80 points" in check.content.decode()
    assert available() == 100


def test_he_redeems_and_a_second_click_finds_the_first(counter: Counter) -> None:
    first, second = counter.redeem(), counter.redeem()

    assert first["Location"] == second["Location"] == path(counter.member, "?tab=points&currency=1")
    made = Redemption.objects.get()
    assert (made.points, made.caller, made.reference, made.purpose) == (80, "staff", KEY, "cash_offset")
    [event] = AuditEvent.objects.all()
    assert (event.verb, event.subject_id, event.actor.is_staff) == ("points.redeem", str(made.pk), True)
    assert available() == 20
    page = counter.teller.get(first["Location"]).content.decode()
    assert "Redeemed: 80 points." in page
    assert "Cash offset" in page


@pytest.mark.parametrize(
    "points", ["0", "-1", "1,000", "١٢", "0x10", "1e3", "80.0", "", "9223372036854775808", "1" * 400]
)
def test_what_are_no_points_is_said_beside_the_field(house: House, teller: Client, points: str) -> None:
    answers = [teller.post(path(house.near), form(points=points, **step)) for step in ({}, {"confirmed": "1"})]

    for answer in answers:
        assert (answer.status_code, answer.context["asked"]) == (200, None)
        assert list(answer.context["form"].errors) == ["points"]
    assert not Redemption.objects.exists()


def test_more_than_there_is_is_refused_in_both_steps(counter: Counter) -> None:
    answers = [counter.teller.post(path(counter.member), form(points="101")), counter.redeem(points="101")]

    for answer in answers:
        assert answer.context["form"].errors == {"points": ["There are not enough points for this."]}
        assert answer.context["asked"] is None
    assert available() == 100


def test_he_takes_it_back_within_a_week_and_sees_first_what_comes_back(counter: Counter) -> None:
    counter.redeem()
    made = Redemption.objects.get()
    cancelling = path(counter.member, f"redemptions/rdm_{made.pk.hex}/cancel/")

    shown = counter.teller.get(cancelling)
    done = counter.teller.post(cancelling)
    again = counter.teller.post(cancelling)

    assert shown.context["returning"] == [(80, datetime.date(2099, 12, 31))]
    assert done["Location"] == path(counter.member, "?tab=points&currency=1")
    assert "This redemption is cancelled already" in again.content.decode()
    assert Entry.objects.filter(kind=Kind.RESTORE).count() == 1
    assert sorted(AuditEvent.objects.values_list("verb", flat=True)) == ["points.cancel_redemption", "points.redeem"]
    assert available() == 100


def test_after_a_week_it_stays(counter: Counter) -> None:
    counter.redeem()
    Redemption.objects.update(redeemed_at=clock.now() - datetime.timedelta(days=8))
    made = Redemption.objects.get()
    cancelling = path(counter.member, f"redemptions/rdm_{made.pk.hex}/cancel/")

    shown, refused = counter.teller.get(cancelling), counter.teller.post(cancelling)

    assert shown.context["open"] is False
    assert "A redemption can be cancelled for 7 days; that time is over." in refused.content.decode()
    assert "Cancel<span" not in counter.teller.get(path(counter.member, "?tab=points")).content.decode()
    assert available() == 20


def test_what_a_partner_has_delivered_is_not_the_tellers_to_take_back(counter: Counter) -> None:
    counter.redeem()
    Redemption.objects.update(caller="client 1")
    made = Redemption.objects.get()

    answer = counter.teller.post(path(counter.member, f"redemptions/rdm_{made.pk.hex}/cancel/"))

    assert answer.status_code == 404
    assert available() == 20


def test_another_branchs_member_and_a_stranger_do_not_exist_at_this_counter(house: House, teller: Client) -> None:
    earn(house.far, 100)

    answers = [
        teller.get(path(house.far)),
        teller.post(path(house.far), form(confirmed="1")),
        teller.get(path(house.far, f"redemptions/rdm_{'0' * 32}/cancel/")),
        teller.post(path(house.near, f"redemptions/rdm_{'0' * 32}/cancel/")),
        teller.get(path(house.near, "redeem/nothing/")),
        teller.get("/console/members/member/999999/redeem/points/"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 6
    assert not Redemption.objects.exists()


@pytest.mark.parametrize("role", [Role.COMPLIANCE, Role.PROGRAMME_MANAGER, Role.IT])
def test_nobody_but_a_teller_redeems(house: House, role: Role) -> None:
    earn(house.near, 100)
    client = Client()
    client.force_login(posted(role, house.head_office))

    answers = [client.get(path(house.near)), client.post(path(house.near), form(confirmed="1"))]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert not Redemption.objects.exists()


def test_who_reads_only_is_shown_no_button(house: House, compliance: Client, teller: Client) -> None:
    earn(house.near, 100)
    address = path(house.near, "?tab=points")

    assert "Redeem points" in teller.get(address).content.decode()
    assert "Redeem points" not in compliance.get(address).content.decode()


def test_a_superuser_without_a_posting_serves_everybody(house: House) -> None:
    earn(house.far, 100)
    root = Client()
    root.force_login(StaffFactory(is_superuser=True))

    assert root.get(path(house.far)).status_code == 200


def test_growth_points_are_not_redeemed(house: House, teller: Client) -> None:
    PointCurrencyFactory(growth=True)

    assert teller.get(path(house.near, "redeem/growth/")).status_code == 404
    assert PointCurrency.objects.count() == 2
