"""Redeeming's races over HTTP, each beside its naive twin that fails: two spends, one key twice, two cancellations."""

import threading
from collections import Counter

import pytest

from foundation import transactions
from foundation.idempotency import answering
from foundation.idempotency.models import KeptAnswer
from foundation.jobs import clock
from foundation.web.idempotency import answer
from members.models import Member
from points.models import Entry, Kind, Purse, Redemption
from tests.api.conftest import bearing, cancel, redeem, system
from tests.factories import MemberFactory
from tests.points.cast import NOON, asked, books_ok, open_bank, purse_of
from tests.races.test_night import at_once
from tests.races.test_posting import ROUNDS, commit, in_rounds


@pytest.fixture
def shop(committed, settings):
    """A partner's shop, each call of it on a connection of its own; and fifty members with a hundred points each."""
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    wang, points = open_bank()
    crowd = MemberFactory.create_batch(ROUNDS, branch=wang.branch)
    commit(*(asked(who, points, 100) for who in crowd))
    client = system("redemptions:write")
    return client, crowd, points


def codes(answers):
    return sorted((answer.status_code, answer.json().get("code", "")) for answer in answers)


def test_two_spends_of_eighty_at_a_hundred(shop):
    """A01: one 201, one 409, never negative."""
    client, crowd, _points = shop
    doors = [bearing(client), bearing(client)]

    rounds = in_rounds(
        ROUNDS,
        *(
            lambda number, door=door, place=place: redeem(door, member=crowd[number].number, key=f"{number}-{place}")
            for place, door in enumerate(doors)
        ),
    )

    for answers in rounds:
        assert codes(answers) == [(201, ""), (409, "insufficient_points")]
    assert set(Purse.objects.values_list("available", "debited")) == {(20, 80)}
    assert Redemption.objects.count() == ROUNDS
    assert books_ok()


def test_one_key_at_once_from_two_doors(shop):
    """B03, B06: one effect; the other waits for nobody, and is told the first answer or to ask again."""
    client, crowd, _points = shop
    doors = [bearing(client), bearing(client)]

    rounds = in_rounds(
        ROUNDS,
        *(lambda number, door=door: redeem(door, 40, member=crowd[number].number) for door in doors),
    )

    seen = Counter()
    for answers in rounds:
        seen.update(codes(answers))
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert set(seen) <= {(201, ""), (409, "request_in_flight")}
    assert set(Purse.objects.values_list("available", flat=True)) == {60}
    assert Redemption.objects.count() == ROUNDS


def test_while_the_first_is_in_flight_the_second_is_told_so_at_once(shop):
    """B03, without chance: the first stands in its transaction until the second has its answer."""
    client, crowd, _points = shop
    door, second = bearing(client), bearing(client)
    begun, answered = threading.Event(), threading.Event()

    class Slow(answering.Request):
        def once(self, verb, **arguments):
            kept = super().once(verb, **arguments)
            begun.set()
            assert answered.wait(timeout=30)
            return kept

    def first():
        key = {
            "caller": f"client {client.pk}",
            "member_id": crowd[0].pk,
            "route": "POST /redemptions",
            "key": "key-1",
            "fingerprint": "x",
        }
        slow = Slow(**key, at=clock.now())
        return transactions.commit(lambda: answer(201, {"slow": True}), idempotency=slow)

    def then():
        assert begun.wait(timeout=30)
        try:
            return redeem(second, member=crowd[0].number), redeem(second, member=crowd[1].number)
        finally:
            answered.set()

    done, (refused, other) = at_once(first, then)
    later = redeem(door, member=crowd[0].number)

    assert done.body == '{"slow":true}'
    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (409, "request_in_flight", "1")
    assert other.status_code == 201
    assert later.json()["code"] == "idempotency_key_reused"


def test_one_key_at_once_naively(committed):
    """Looking first whether the key has an answer, both find none, and both do it."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    together = threading.Barrier(2)

    def look_then_do(number):
        scope = {"caller": "x", "member_id": wang.pk, "route": "x", "key": "key-1"}
        known = KeptAnswer.objects.filter(**scope).exists()
        together.wait(timeout=30)
        if not known:
            commit(asked(wang, points, -40))
            KeptAnswer.objects.create(
                **scope | {"route": f"x{number}"}, fingerprint="", status=201, body="", answered_at=clock.now()
            )
        return known

    assert at_once(lambda: look_then_do(1), lambda: look_then_do(2)) == [False, False]
    assert purse_of(wang, points)["available"] == 20


def test_two_cancellations_of_one_redemption(shop):
    """Under two keys: one gives the points back, the other is refused."""
    client, crowd, _points = shop
    doors = [bearing(client), bearing(client)]
    made = [redeem(doors[0], member=who.number, key=f"{place}").json()["id"] for place, who in enumerate(crowd)]

    rounds = in_rounds(
        ROUNDS,
        *(
            lambda number, door=door, place=place: cancel(door, made[number], key=f"cancel-{number}-{place}")
            for place, door in enumerate(doors)
        ),
    )

    for answers in rounds:
        assert codes(answers) == [(200, ""), (409, "already_cancelled")]
    assert set(Purse.objects.values_list("available", "credited", "debited")) == {(100, 180, 80)}
    assert Entry.objects.filter(kind=Kind.RESTORE).count() == ROUNDS
    assert books_ok()


def test_two_cancellations_naively(committed):
    """Reading first that it stands, both give back, and without a key of its own the ledger can't know better."""
    wang, points = open_bank()
    commit(asked(wang, points, 100), asked(wang, points, -80))
    stands, together = {"state": "done"}, threading.Barrier(2)

    def read_then_restore():
        there = stands["state"] == "done"
        together.wait(timeout=30)
        if there:
            commit(asked(wang, points, 80, kind=Kind.RESTORE))
            stands["state"] = "cancelled"
        return there

    assert at_once(read_then_restore, read_then_restore) == [True, True]
    assert purse_of(wang, points)["available"] == 180


def test_a_spend_meets_a_cancellation(shop):
    """Whoever comes first: what came back is spent, or was not there yet; nothing is spent twice."""
    client, crowd, _points = shop
    doors = [bearing(client), bearing(client)]
    made = [redeem(doors[0], 100, member=who.number, key=f"{place}").json()["id"] for place, who in enumerate(crowd)]

    rounds = in_rounds(
        ROUNDS,
        lambda number: cancel(doors[0], made[number], key=f"cancel-{number}"),
        lambda number: redeem(doors[1], 100, member=crowd[number].number, key=f"again-{number}"),
    )

    assert {answers[0].status_code for answers in rounds} == {200}
    for who, answers in zip(crowd, rounds, strict=True):
        spent = answers[1].status_code == 201
        assert Purse.objects.get(member_id=who.pk).available == (0 if spent else 100)
    assert books_ok()


def test_closing_a_membership_and_cancelling(shop):
    """The points come back before the membership is closed, or not at all."""
    client, crowd, _points = shop
    door = bearing(client)
    made = [redeem(door, member=who.number, key=f"{place}").json()["id"] for place, who in enumerate(crowd)]

    def close(number):
        Member.objects.filter(pk=crowd[number].pk).update(status="closed", closed_on=NOON.date())
        return 200

    rounds = in_rounds(ROUNDS, lambda number: cancel(door, made[number], key=f"cancel-{number}"), close)

    for who, answers in zip(crowd, rounds, strict=True):
        back = answers[0].status_code == 200
        assert back or answers[0].json()["code"] == "unknown_purse"
        assert Redemption.objects.get(member=who).state == ("cancelled" if back else "done")
        assert Purse.objects.get(member_id=who.pk).available == (100 if back else 20)
    assert books_ok()
