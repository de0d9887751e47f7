"""Redemptions and cancellations in any order, among everything else that moves points: the ledger agrees with a list of lots."""

import datetime
import uuid

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from points import redeeming, restoring
from tests.points.cast import CLERK, redeem
from tests.points.test_machine import DAYS, POINTS, Ledger

ANY = st.randoms(use_true_random=False)


class Redemptions(Ledger):
    """The ledger's machine with redemptions: [redemption, what it took as (last day, lot, points), does it stand]."""

    def __init__(self):
        super().__init__()
        self.made = []

    @initialize(lots=st.lists(st.tuples(POINTS, DAYS | st.none()), min_size=3, max_size=6))
    def open(self, lots):
        """Begin with some points, so that there is something to redeem from the first step on."""
        Ledger.open(self)
        for points, lasts in lots:
            self.earn(points=points, lasts=lasts, waits=0)

    @property
    def noon(self):
        return datetime.datetime.combine(self.today, datetime.time(4), datetime.UTC)

    @precondition(lambda self: self.usable())
    @rule(percent=st.integers(min_value=1, max_value=110))
    def redeem(self, percent):
        reference = uuid.uuid4().hex
        there = sum(lot[3] for lot in self.usable())
        points = max(1, there * percent // 100)
        if points > there:
            with pytest.raises(redeeming.InsufficientPoints), transaction.atomic():
                redeem(self.wang, self.points, points, at=self.noon, reference=reference)
            return

        made = redeem(self.wang, self.points, points, at=self.noon, reference=reference).redemption

        self.number += 1
        assert made.entry_number == self.number
        taken = []
        for lot in self.usable():
            part = min(lot[3], points)
            lot[3] -= part
            points -= part
            taken += [(lot[0], lot[1], part)] if part else []
        self.made.append([made, taken, True])

    @precondition(lambda self: self.made)
    @rule(choice=ANY)
    def redeem_again(self, choice):
        made, _taken, _stands = choice.choice(self.made)
        again = redeem(self.wang, self.points, made.points, at=self.noon, reference=made.reference)
        assert (again.came_before, again.redemption) == (True, made)

    @precondition(lambda self: self.made)
    @rule(choice=ANY)
    def cancel(self, choice):
        one = choice.choice(self.made)
        made, taken, stands = one
        if not stands:
            with pytest.raises(restoring.AlreadyCancelled), transaction.atomic():
                restoring.cancel(redemption=made, at=self.noon, actor=CLERK)
            return

        restoring.cancel(redemption=made, at=self.noon, actor=CLERK)

        one[2] = False
        for last_day, _lot, points in sorted(taken):
            self.number += 1
            back = [max(last_day, self.today + datetime.timedelta(days=30)), self.number, self.today, points]
            self.lots.append(back)
            self.pay_owed([back])


@pytest.mark.django_db
def test_redemptions_agree_with_a_plain_list_of_lots():
    run_state_machine_as_test(
        Redemptions,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
