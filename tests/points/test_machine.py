"""Whatever is asked in whatever order, the ledger answers as a plain list of lots would, and its books are proved after each step."""

import datetime
import itertools
import uuid

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from foundation.jobs.models import BusinessDate
from points import holding, lapsing, looking_back, releasing
from points.holding import Aside
from points.ledger import NEVER
from points.models import Kind, Lot, Purse
from tests.points.cast import CLERK, MONDAY, asked, books_ok, finish_closing, open_bank, post, start_closing

DAYS = st.integers(min_value=0, max_value=4)
NOW = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(days=999)
POINTS = st.integers(min_value=1, max_value=60)


class Ledger(RuleBasedStateMachine):
    """One purse beside a model of it: lots as [last day, number, available on, points left], and what is owed."""

    shortfall = "owe"

    @initialize()
    def open(self):
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.wang, self.points = open_bank()
        self.points.shortfall = self.shortfall
        self.points.save()
        self.today, self.lots, self.owed, self.number, self.sent, self.holds = MONDAY, [], 0, 0, [], {}
        self.closed = {}

    def teardown(self):
        if hasattr(self, "savepoint"):
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    def usable(self):
        return sorted(lot for lot in self.lots if lot[3] and lot[2] <= self.today)

    def pay_owed(self, lots):
        for lot in lots:
            paid = min(lot[3], self.owed)
            lot[3] -= paid
            self.owed -= paid

    def credit(self, points, lasts, waits):
        last_day = NEVER if lasts is None else self.today + datetime.timedelta(days=lasts)
        available_on = self.today + datetime.timedelta(days=waits)
        days = {"occurred_on": self.today, "expires_on": last_day, "available_on": available_on}
        return asked(self.wang, self.points, points, **days)

    def debit(self, points, kind=Kind.CLAWBACK, own=None):
        of_own = {} if own is None else {"expires_on": own[0], "takes_first": own[1]}
        return asked(self.wang, self.points, -points, kind=kind, occurred_on=self.today, **of_own)

    def answers(self, *batch):
        """Post a batch, credits first, then what its own lots give, then the rest, and compare its answers with the model's."""
        lots = {lot[1]: lot for lot in self.lots}
        left = {number: lot[3] for number, lot in lots.items()}
        own = {}
        for posting in batch:
            if posting.takes_first in lots and posting.points < 0:
                own[posting.key] = min(-posting.points, left[posting.takes_first])
                left[posting.takes_first] -= own[posting.key]
        for posting in (one for one in batch if one.points > 0):
            self.number += 1
            self.lots.append([posting.expires_on, self.number, posting.available_on, posting.points])
            if posting.available_on <= self.today:
                self.pay_owed(self.lots[-1:])
        shared = {key: points for key, points in own.items() if lots[self.lot_of(batch, key)][2] <= self.today}
        can_spend, spent, rests, refused = sum(lot[3] for lot in self.usable()) - sum(shared.values()), 0, [], set()
        debits = [one for one in batch if one.points < 0]
        for posting in sorted(debits, key=lambda one: not own.get(one.key)):
            rest = -posting.points - own.get(posting.key, 0)
            if spent + rest > can_spend and not (posting.kind == Kind.CLAWBACK and self.points.shortfall == "owe"):
                refused.add(posting.key)
                can_spend += shared.get(posting.key, 0)  # what was set aside for it is the others' again
                continue
            self.number += 1
            rests.append(rest)
            spent = min(spent + rest, can_spend)
            if own.get(posting.key):
                lots[posting.takes_first][3] -= own[posting.key]
        for rest in rests:
            for lot in self.usable():
                part = min(lot[3], rest)
                lot[3] -= part
                rest -= part
            self.owed += rest

        given = dict(zip((one.key for one in batch), post(*batch), strict=True))

        assert {key for key, answer in given.items() if answer.outcome == "insufficient"} == refused
        assert {answer.outcome for key, answer in given.items() if key not in refused} <= {"posted"}
        self.sent += [one for one in batch if one.key not in refused]

    @staticmethod
    def lot_of(batch, key):
        return next(posting.takes_first for posting in batch if posting.key == key)

    @rule(points=POINTS, lasts=DAYS | st.none(), waits=DAYS)
    def earn(self, points, lasts, waits):
        self.answers(self.credit(points, lasts, waits))

    @rule(points=POINTS, kind=st.sampled_from([Kind.REDEEM, Kind.CLAWBACK]))
    def take(self, points, kind):
        if self.number:
            self.answers(self.debit(points, kind))

    @rule(points=POINTS, choice=st.randoms(use_true_random=False))
    def take_back_of_its_own_lot(self, points, choice):
        if self.lots:
            self.answers(self.debit(points, own=choice.choice(self.lots)))

    @rule(asked_for=st.lists(st.tuples(st.sampled_from(["credit", "spend", "claw", "own", "own"]), POINTS), min_size=2, max_size=6),
          waits=DAYS, choice=st.randoms(use_true_random=False))  # fmt: skip
    def post_a_batch(self, asked_for, waits, choice):
        if not self.lots:
            return
        making = {
            "credit": lambda points: self.credit(points, None, waits),
            "spend": lambda points: self.debit(points, Kind.REDEEM),
            "claw": self.debit,
            "own": lambda points: self.debit(points, own=choice.choice(self.lots)),
        }
        self.answers(*[making[what](points) for what, points in asked_for])

    @rule(points=POINTS)
    def hold(self, points):
        key = uuid.uuid4()
        fits, is_known = points <= sum(lot[3] for lot in self.usable()), Purse.objects.exists()
        wanted = Aside(
            member_id=self.wang.pk,
            currency_id=self.points.pk,
            key=key,
            points=points,
            lapses_at=LATER,
            cause="redemption/x/1",
        )

        [answer] = holding.hold([wanted], today=self.today, actor=CLERK)

        assert answer.outcome == ("held" if fits else "insufficient" if is_known else "unknown_purse")
        if not fits:
            return
        self.holds[key] = parts = []
        for lot in self.usable():
            part = min(lot[3], points)
            lot[3] -= part
            points -= part
            if part:
                parts.append((lot, part))

    @rule(choice=st.randoms(use_true_random=False), captured=st.booleans())
    def end_a_hold(self, choice, captured):
        if not self.holds:
            return
        key = choice.choice(sorted(self.holds))
        parts = self.holds.pop(key)
        wanted = [(self.wang.pk, self.points.pk, key)]
        if captured:
            assert holding.capture(wanted, occurred_on=self.today, at=NOW, actor=CLERK)[0].outcome == "posted"
            self.number += 1
            return

        assert holding.release(wanted, today=self.today, actor=CLERK)[0].outcome == "released"

        returned = [(lot, part) for lot, part in parts if lot[0] < self.today or self.owed]
        for lot, part in parts:
            if (lot, part) not in returned:
                lot[3] += part
        self.number += bool(returned)
        owed = self.owed
        for lot, part in sorted(returned, key=lambda each: each[0][:2]):
            last_day = lot[0] if lot[0] >= self.today else max(lot[0], self.today + datetime.timedelta(days=30))
            self.number += 1
            paid = min(part, owed)
            owed -= paid
            self.lots.append([last_day, self.number, self.today, part - paid])
        self.owed = owed

    @rule(choice=st.randoms(use_true_random=False))
    def send_again(self, choice):
        if self.sent:
            assert post(choice.choice(self.sent))[0].outcome == "duplicate"

    @rule()
    def close_the_day(self):
        everybody = {"as_of": self.today, "first_member": self.wang.pk, "last_member": self.wang.pk, "actor": CLERK}
        start_closing(self.today)
        releasing.release(**everybody)
        lapsing.lapse(**everybody)
        finish_closing(self.today)
        closed, self.today = self.today, self.today + datetime.timedelta(days=1)
        self.pay_owed(sorted(lot for lot in self.lots if lot[2] == self.today))
        for lot in self.lots:
            if lot[0] <= closed and lot[3]:
                lot[3] = 0
                self.number += 1
        assert books_ok(as_of=closed)
        has = {number: points for _last, number, _from, points in self.lots}
        for lot, part in itertools.chain.from_iterable(self.holds.values()):
            has[lot[1]] += part
        self.closed[closed] = sum(has.values()) - self.owed
        purse = {"member_id": self.wang.pk, "currency_id": self.points.pk}
        assert {day: looking_back.balance(**purse, day=day) for day in self.closed} == self.closed
        left = {lot.number: lot.left for lot in looking_back.lots(**purse, day=closed)}
        assert left == {number: points for number, points in has.items() if points}

    @invariant()
    def agrees(self):
        if not self.number:
            return
        purse = Purse.objects.get()
        assert purse.owed == self.owed
        assert purse.held == sum(part for parts in self.holds.values() for _lot, part in parts)
        assert purse.available == sum(lot[3] for lot in self.usable())
        assert purse.pending == sum(lot[3] for lot in self.lots if lot[2] > self.today)
        assert purse.entries == self.number
        left = Lot.objects.order_by("number").values_list("expires_on", "number", "remaining")
        assert list(left) == [(last, number, remaining) for last, number, _from, remaining in self.lots]
        assert BusinessDate.objects.filter(status="open").get().date == self.today


class RefusingLedger(Ledger):
    """The same where a clawback that doesn't fit is refused: nothing is ever owed."""

    shortfall = "refuse"


@pytest.mark.parametrize("machine", [Ledger, RefusingLedger])
@pytest.mark.django_db
def test_the_ledger_agrees_with_a_plain_list_of_lots(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
