"""A member uses his points in three pages, and takes back what he chose within a week."""

import datetime
import uuid
from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import Client

from foundation.jobs import clock
from points.models import Entry, Kind, PointCurrency, Purse, Redemption
from tests.api.conftest import earn
from tests.factories import BankFactory, MemberFactory, PointCurrencyFactory, StaffFactory, UserFactory

KEY = str(uuid.UUID(int=7))
USE = "/points/points/use"


@pytest.fixture
def mei(committed) -> Iterator[Client]:
    """A member with 100 points, each worth a fen and a half, signed in."""
    with transaction.atomic():
        BankFactory(business_date=clock.today())
        PointCurrency.objects.filter(pk=PointCurrencyFactory().pk).update(worth_minor="1.5")
        member = MemberFactory(user=UserFactory(username="mei"))
        earn(member, 100)
        client = Client()
        client.force_login(member.user)
    yield client


def use(client: Client, points: object = 80, **more: str):
    return client.post(USE, {"points": points, "key": KEY, **more})


def available() -> int:
    return Purse.objects.get().available


def test_three_pages_lead_to_the_entry(mei: Client) -> None:
    asked = mei.get(USE)
    checked = use(mei)
    moved = available()
    done = use(mei, confirmed="1")
    again = use(mei, confirmed="1")

    assert "100 available" in asked.content.decode()
    assert (checked.context["after"], checked.context["worth_minor"], moved) == (20, 120, 100)
    assert "¥1.20" in checked.content.decode()
    assert done["Location"] == again["Location"] == "/points/points/2"
    assert (available(), Redemption.objects.get().caller) == (20, "member")
    entry = mei.get("/points/points/2").content.decode()
    assert "Points redeemed" in entry and "Cash offset" in entry and "Take it back" in entry
    assert "Cash offset" in mei.get("/points").content.decode()
    assert mei.get("/api/v1/me/ledger-entries/ent_points_2").json()["explanation"] == "Cash offset"


def test_it_is_taken_back_and_both_entries_say_so(mei: Client) -> None:
    use(mei, confirmed="1")

    shown = mei.get("/points/points/2/give-back")
    done = mei.post("/points/points/2/give-back")
    again = mei.post("/points/points/2/give-back")

    assert shown.context["returning"] == [(80, datetime.date(2099, 12, 31))]
    assert done["Location"] == "/points/points/2"
    assert "This redemption is cancelled already" in again.content.decode()
    assert "and the points came back" in mei.get("/points/points/2").content.decode()
    back = mei.get("/points/points/3").content.decode()
    assert "Points given back" in back and "You used 80 points on" in back
    assert Entry.objects.filter(kind=Kind.RESTORE).count() == 1
    assert available() == 100


def test_more_than_there_is_moves_nothing(mei: Client) -> None:
    answers = [
        use(mei, 101),
        use(mei, 101, confirmed="1"),
        use(mei, "0"),
        use(mei, "x"),
        mei.post(USE, {"points": "80"}),
    ]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert [answer.context["asked"] for answer in answers] == [None] * 5
    assert "There are not enough points for this." in answers[1].content.decode()
    assert available() == 100


def test_after_a_week_and_what_a_teller_or_partner_did_stays(mei: Client) -> None:
    use(mei, confirmed="1")
    Redemption.objects.update(redeemed_at=clock.now() - datetime.timedelta(days=8))
    late = mei.post("/points/points/2/give-back")
    Redemption.objects.update(caller="staff", redeemed_at=clock.now())
    others = [mei.get("/points/points/2/give-back"), mei.post("/points/points/2/give-back")]

    assert "A redemption can be cancelled for 7 days; that time is over." in late.content.decode()
    assert [answer.status_code for answer in others] == [404, 404]
    assert "Take it back" not in mei.get("/points/points/2").content.decode()
    assert available() == 20


def test_nobody_takes_back_what_is_anothers(mei: Client) -> None:
    use(mei, confirmed="1")
    other = Client()
    other.force_login(MemberFactory(user=UserFactory()).user)
    staff = Client()
    staff.force_login(StaffFactory())

    assert other.post("/points/points/2/give-back").status_code == 404
    assert staff.get(USE)["Location"] == "/console/"
    assert Client().get(USE)["Location"].startswith("/accounts/login/")
    assert available() == 20


def test_a_lapsed_lot_is_not_used_at_this_door(mei: Client) -> None:
    """D07: the page counts what the ledger would give, by the database's clock."""
    lin = MemberFactory(user=UserFactory())
    with transaction.atomic():
        earn(lin, 30, expires_on=clock.today() - datetime.timedelta(days=1))
        earn(lin, 30, expires_on=clock.today())
    client = Client()
    client.force_login(lin.user)

    assert client.get(USE).context["purse"].balance.available == 30
    assert "not enough points" in use(client, 31, confirmed="1").content.decode()
    assert use(client, 30, confirmed="1").status_code == 302


def test_growth_points_and_unknown_ones_are_not_used(mei: Client) -> None:
    PointCurrencyFactory(growth=True)

    assert [mei.get(f"/points/{code}/use").status_code for code in ("growth", "nothing")] == [404, 404]
