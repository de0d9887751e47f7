"""A partner holds points while he delivers, then captures or releases them."""

import datetime

import pytest
from django.test import Client

from foundation.jobs import clock
from members.models import Member
from points import reserving
from points.models import Purse, Redemption
from tests.api.conftest import bearing, cancel, redeem, system
from tests.factories import UserFactory
from tests.points.cast import CLERK


def hold(client: Client, points: object = 80, **more):
    return redeem(client, points, hold=True, **more)


def figures() -> tuple[int, int]:
    """Return what the one purse has available and held."""
    purse = Purse.objects.get()
    return purse.available, purse.held


def test_held_then_captured(partner):
    held = hold(partner, reference="order-1", holdMinutes=5)
    meanwhile = figures()
    captured = cancel(partner, held.json()["id"], what="capture")

    assert held.status_code == 201, held.content
    body = held.json()
    assert (body["state"], body["ledgerEntry"], meanwhile) == ("held", None, (20, 80))
    until = datetime.datetime.fromisoformat(body["lapsesAt"]) - datetime.datetime.fromisoformat(body["redeemedAt"])
    assert until == datetime.timedelta(minutes=5)
    assert captured.status_code == 200
    assert captured.json() == body | {"state": "done", "ledgerEntry": "ent_points_2"}
    assert figures() == (20, 0)


def test_held_then_released(partner):
    held = hold(partner).json()["id"]

    released = cancel(partner, held, what="release")
    refused = [cancel(partner, held, what="capture"), cancel(partner, held)]

    assert (released.status_code, released.json()["state"]) == (200, "released")
    assert [(one.status_code, one.json()["code"]) for one in refused] == [(409, "hold_ended"), (409, "not_done")]
    assert figures() == (100, 0)


def test_each_step_sent_again_answers_as_the_first(partner):
    held, again = hold(partner), hold(partner)
    first = cancel(partner, held.json()["id"], what="capture", key="c")
    replayed = cancel(partner, held.json()["id"], what="capture", key="c")
    another = cancel(partner, held.json()["id"], what="capture", key="d")

    assert again.content == held.content and again["Idempotency-Replayed"] == "true"
    assert replayed.content == first.content == another.content
    assert "Idempotency-Replayed" in replayed and "Idempotency-Replayed" not in another
    assert figures() == (20, 0)


def test_a_hold_lapses_and_its_redemption_says_so(partner):
    held = hold(partner, holdMinutes=1).json()["id"]
    later = clock.now() + datetime.timedelta(minutes=1)

    reserving.lapse(at=later, today=clock.today(), actor=CLERK)

    assert partner.get(f"/api/v1/redemptions/{held}").json()["state"] == "lapsed"
    assert cancel(partner, held, what="capture").json()["code"] == "hold_ended"
    assert cancel(partner, held, what="release").json()["state"] == "lapsed"
    assert figures() == (100, 0)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"hold": "yes"}, "/hold"),
        ({"hold": 1}, "/hold"),
        ({"holdMinutes": 0}, "/holdMinutes"),
        ({"holdMinutes": 10081}, "/holdMinutes"),
        ({"holdMinutes": 2**63}, "/holdMinutes"),
        ({"holdMinutes": "soon"}, "/holdMinutes"),
    ],
)
def test_what_is_no_hold_is_refused_at_its_place(partner, more, pointer):
    answer = redeem(partner, **{"hold": True, **more})

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (400, [pointer])
    assert figures() == (100, 0)


def test_more_than_there_is_is_not_held(partner):
    hold(partner, 80)

    answer = hold(partner, 21, key="2")

    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_points")
    assert figures() == (20, 80)


def test_a_member_holds_nothing_and_another_partner_ends_nothing(partner):
    held = hold(partner).json()["id"]
    member = Member.objects.get(number="M00000001")
    member.user = UserFactory()
    member.save(update_fields=["user"])
    me, other = Client(), bearing(system("redemptions:write"))
    me.force_login(member.user)

    refused = redeem(me, 10, member=None, hold=True)
    ends = [cancel(client, held, what=what).status_code for client in (me, other) for what in ("capture", "release")]

    assert (refused.status_code, refused.json()["code"]) == (422, "hold_not_allowed")
    assert ends == [404] * 4
    assert Redemption.objects.get().state == "held"
