"""A09: a tier is protected while the night reviews it. What comes out is what one after the other gives; and the naive twin."""

import datetime
import itertools
import threading
import time

from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock, closing
from foundation.jobs.models import BusinessDate
from foundation.jobs.running import Job, Step
from foundation.refusals import Refusal
from tests.approvals.cast import approve
from tests.factories import MemberFactory
from tests.races.test_night import at_once
from tests.tiers.cast import DAY, MONDAY, ask, assemble, decided, noon
from tiers import protecting, reviewing
from tiers.models import Protection

ROUNDS = 12


def night(*, waits=0.0):
    """A night that reviews; `waits` seconds after its date began to close."""

    def review(*, business_date, run, actor, **members):
        time.sleep(waits)
        return reviewing.review(as_of=business_date, run=run, actor=actor, **members)

    return Job("close_day", (Step("review", review),), list)


def close(day, *, waits=0.0):
    closing.close(job=night(waits=waits), through=day, today=day + DAY, who="test")


def test_an_approval_beside_the_review_of_the_date_is_found_by_one_of_the_nights(committed):
    """Approved before the flip it counts from that date, after it from the next; never from a date that was reviewed already."""
    cast = transactions.commit(assemble)
    starts = set()

    for turn, day in zip(range(ROUNDS), (MONDAY + n * DAY for n in itertools.count(0, 2)), strict=False):
        member = MemberFactory(branch=cast.lujiazui)
        made = transactions.commit(ask, cast=cast, member=member, on=day)

        def approving(made=made, day=day, turn=turn):
            time.sleep(0.01 * (turn % 4))
            return transactions.commit(approve, made=made, user=cast.qian, at=noon(day))

        at_once(approving, lambda day=day: close(day, waits=0.01))
        close(day + DAY)

        protection = Protection.objects.get(member=member)
        starts.add(protection.starts_on - day)
        assert decided(member) == [(protection.starts_on, "invited", "silver", protection.until)]

    assert starts <= {datetime.timedelta(0), DAY}


def test_an_approval_naively_beside_the_review_is_missed_by_it(committed, monkeypatch):
    """It reads the open date without the fence; the date closes before it commits, and no review gives the tier."""
    cast = transactions.commit(assemble, calendar="month_end")
    made = transactions.commit(ask, cast=cast)
    read, closed = threading.Event(), threading.Event()

    def naive_date():
        day = BusinessDate.objects.get(status="open").date
        read.set()
        assert closed.wait(timeout=30)
        return day

    def night_meanwhile():
        assert read.wait(timeout=30)
        close(MONDAY)
        closed.set()

    monkeypatch.setattr(clock, "booking_date", naive_date)
    at_once(lambda: transactions.commit(approve, made=made, user=cast.qian, at=noon(MONDAY)), night_meanwhile)
    close(MONDAY + DAY)

    assert Protection.objects.get().starts_on == MONDAY
    assert decided(cast.wang) == []


def test_of_two_approvals_at_once_one_protects(committed):
    """They wait for each other by their kind; the second is stale, and the database's constraint stands behind that."""
    cast = transactions.commit(assemble)
    for _round in range(ROUNDS):
        member = MemberFactory(branch=cast.lujiazui)
        kinds = (Protection.Kind.INVITATION, Protection.Kind.OVERRIDE)
        requests = [transactions.commit(ask, cast=cast, member=member, kind=kind) for kind in kinds]

        answers = at_once(
            *(
                lambda made=made: transactions.commit(approve, made=made, user=cast.qian, at=noon(MONDAY))
                for made in requests
            )
        )

        assert sorted(answer.code for answer in answers if isinstance(answer, Refusal)) == ["stale"]
        assert Protection.objects.filter(member=member).count() == 1


def test_of_two_protections_at_once_naively_only_the_constraint_keeps_one(committed, monkeypatch):
    """Called by themselves both find no protection before either has written; the database refuses the second."""
    cast = transactions.commit(assemble)
    made = transactions.commit(ask, cast=cast)
    together, check = threading.Barrier(2), protecting.check

    def look(**arguments):
        check(**arguments)
        together.wait(timeout=30)

    monkeypatch.setattr(protecting, "check", look)

    def protect():
        return transactions.commit(
            protecting.protect, payload=made.payload, request_id=made.pk, reason="-", versions={},
            actor=Actor(user=cast.qian), as_of=MONDAY,
        )  # fmt: skip

    answers = at_once(protect, protect)

    assert [type(answer) for answer in answers if not isinstance(answer, dict)] == [protecting.AlreadyProtected]
    assert Protection.objects.count() == 1
