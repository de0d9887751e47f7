"""Who else is at a purse: a membership that closes, staff, member and reversals; each beside its naive twin."""

import random
import threading
import time
import uuid
from collections import Counter

from django.db import transaction
from django.db.models import F

from foundation.transactions import commit as committing
from members.models import Member
from points import holding
from points.holding import Aside
from points.models import Entry, Kind, Purse
from tests.factories import MemberFactory
from tests.points.cast import CLERK, MONDAY, asked, books_ok, open_bank
from tests.races.test_holding import LATER, NOON
from tests.races.test_night import at_once
from tests.races.test_posting import commit, in_rounds

SECONDS = 3.0


def close_membership(member):
    """Close a membership as a verb will: one conditional update."""
    with transaction.atomic():
        return Member.objects.filter(pk=member.pk, status="active").update(status="closed", closed_on=MONDAY)


def test_a_membership_closes_while_its_earnings_run(committed):
    """A11: each earning has landed or was refused, none stands beside a purse; once the close is done, none lands any more."""
    _wang, points = open_bank()
    crowd = MemberFactory.create_batch(20, branch=MemberFactory().branch)

    def earn(number):
        return [commit(asked(crowd[number], points, 3))[0].outcome for _ in range(3)]

    rounds = in_rounds(len(crowd), earn, earn, lambda number: time.sleep(0.004) or close_membership(crowd[number]))

    landed = 0
    for *earned, closed in rounds:
        assert closed == 1
        for answers in earned:
            assert set(answers) <= {"posted", "unknown_purse"}
            assert answers == sorted(answers)  # never posted after it was refused
            landed += answers.count("posted")
    assert Entry.objects.count() == landed
    assert {commit(asked(who, points, 3))[0].outcome for who in crowd} == {"unknown_purse"}
    assert Entry.objects.count() == landed
    assert books_ok()


def test_a_membership_closes_while_its_earnings_run_naively(committed):
    """Who asks for the membership first and writes then, writes after its close."""
    wang, points = open_bank()
    commit(asked(wang, points, 1))
    read, closed = threading.Event(), threading.Event()

    def earn():
        is_active = Member.objects.filter(pk=wang.pk, status="active").exists()
        read.set()
        closed.wait(timeout=30)
        if is_active:
            Purse.objects.using("owner").filter(pk=(wang.pk, points.pk)).update(
                available=F("available") + 3, credited=F("credited") + 3
            )
        return "posted"

    def close():
        read.wait(timeout=30)
        close_membership(wang)
        closed.set()
        return "closed"

    assert at_once(earn, close) == ["posted", "closed"]
    assert Member.objects.get(pk=wang.pk).status == "closed"
    assert Purse.objects.get().available == 4


def test_staff_member_partner_and_reversals_on_one_purse(committed):
    """A17: adjustments, spends, holds and clawbacks of single credits, each asked twice, for some seconds of chance."""
    seed = 20261125
    print(f"seed {seed}")
    wang, points = open_bank()
    commit(asked(wang, points, 500))
    until = time.monotonic() + SECONDS
    told = Counter()

    def doing(number, what):
        chance = random.Random(seed + number)
        while time.monotonic() < until:
            what(chance)

    def once(posting):
        """Post it, and again as a client does whose line was cut."""
        first, again = commit(posting)[0], commit(posting)[0]
        assert (first.outcome, again.outcome) in {
            ("posted", "duplicate"),
            ("insufficient", "insufficient"),
            ("insufficient", "posted"),
        }
        posted = first if first.outcome == "posted" else again
        if posted.outcome == "posted":
            told[posting.points > 0] += abs(posting.points)
        return posted

    def staff(chance):
        once(asked(wang, points, chance.choice((-1, 1)) * chance.randint(1, 60), kind=Kind.ADJUST))

    def spend(chance):
        once(asked(wang, points, -chance.randint(1, 120)))

    def earn_and_reverse(chance):
        earned = asked(wang, points, chance.randint(1, 90))
        number = once(earned).number
        once(asked(wang, points, -earned.points, kind=Kind.CLAWBACK, takes_first=number))

    def hold(chance):
        key = uuid.UUID(int=chance.getrandbits(128))
        aside = Aside(
            member_id=wang.pk,
            currency_id=points.pk,
            key=key,
            points=chance.randint(1, 80),
            lapses_at=LATER,
            cause=f"p/{key}",
        )
        committing(holding.hold, batch=[aside], today=MONDAY, actor=CLERK)
        holds = [(wang.pk, points.pk, key)]
        if chance.random() < 0.5:
            committing(holding.release, holds=holds, today=MONDAY, actor=CLERK)
        elif committing(holding.capture, holds=holds, occurred_on=MONDAY, at=NOON, actor=CLERK)[0].outcome == "posted":
            told[False] += aside.points

    doers = [staff, spend, earn_and_reverse, earn_and_reverse, hold]
    done = at_once(*(lambda n=n, doer=doer: doing(n, doer) for n, doer in enumerate(doers)))

    assert done == [None] * len(doers)
    purse = Purse.objects.get()
    back = sum(Entry.objects.filter(cause__contains="/lot/").values_list("points", flat=True))
    assert purse.credited == 500 + told[True] + back
    assert purse.debited == told[False] + back
    assert purse.held == 0
    assert books_ok()


def test_staff_and_member_on_one_purse_naively(committed):
    """Both read, both write what they thought: the correction is gone."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    together = threading.Barrier(2)

    def change(by):
        purse = Purse.objects.using("owner").get()
        together.wait(timeout=30)
        Purse.objects.using("owner").filter(pk=(wang.pk, points.pk)).update(
            available=purse.available + by, debited=purse.debited - by
        )

    at_once(lambda: change(-30), lambda: change(-50))

    assert Purse.objects.get().available in {50, 70}
