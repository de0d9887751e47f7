"""A10 for points that lapse by inactivity: what a redemption takes meanwhile does not lapse, and what lapses is not redeemed."""

import datetime
import threading
from collections import Counter

from foundation import transactions
from points import lapsing
from points.models import Entry, Kind, PointCurrency, Purse
from tests.factories import MemberFactory
from tests.points.cast import CLERK, MONDAY, asked, books_ok, open_bank, purse_of, start_closing
from tests.races.test_night import at_once
from tests.races.test_posting import ROUNDS, commit, in_rounds, read_modify_save

JANUARY_END = datetime.date(2026, 1, 31)


def idle_crowd(size: int):
    """Return so many members, each with 100 points of January, at a bank where a month without activity takes them; MONDAY is closing."""
    wang, points = open_bank()
    PointCurrency.objects.update(expiry_policy="inactivity", expiry_months=1)
    crowd = MemberFactory.create_batch(size, branch=wang.branch)
    commit(*(asked(who, points, 100, occurred_on=JANUARY_END) for who in crowd))
    start_closing()
    return crowd, points


def test_inactivity_races_a_redemption(committed):
    crowd, points = idle_crowd(ROUNDS)

    def lapse(number: int) -> int:
        who = {"first_member": crowd[number].pk, "last_member": crowd[number].pk}
        return transactions.commit(lapsing.lapse_inactive, as_of=MONDAY, actor=CLERK, **who)["points"]

    def redeem(number: int) -> str:
        return commit(asked(crowd[number], points, -60))[0].outcome

    rounds = in_rounds(ROUNDS, lapse, redeem)

    assert set(rounds) <= {(40, "posted"), (100, "insufficient")}
    assert not Purse.objects.filter(pk__in=[(who.pk, points.pk) for who in crowd]).exclude(available=0).exists()
    lapsed = Entry.objects.filter(kind=Kind.EXPIRE).values_list("points", flat=True)
    assert -sum(lapsed) == sum(gone for gone, _outcome in rounds)
    assert books_ok()


def test_two_nights_at_once_take_the_points_once(committed):
    crowd, _points = idle_crowd(20)
    everybody = {"first_member": crowd[0].pk, "last_member": crowd[-1].pk}

    answers = at_once(
        *[lambda: transactions.commit(lapsing.lapse_inactive, as_of=MONDAY, actor=CLERK, **everybody)] * 3
    )

    assert sum(answer["points"] for answer in answers) == 2_000
    assert Counter(Entry.objects.values_list("kind", flat=True)) == {Kind.EARN: 20, Kind.EXPIRE: 20}
    assert books_ok()


def test_inactivity_races_a_redemption_naively(committed):
    """Each reads 100, thinks, and writes: one hundred points both lapse and buy something."""
    [wang], points = idle_crowd(1)
    together = threading.Barrier(2)

    answers = at_once(*[lambda: read_modify_save((wang.pk, points.pk), -60, together)] * 2)

    assert answers == ["posted", "posted"]
    assert purse_of(wang, points)["available"] == 40
