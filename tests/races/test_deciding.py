"""Four eyes under two pairs at once: A12 and A13, and the day's limit, each beside its naive twin that fails."""

import threading
import uuid

from django.db.models import F

from foundation import transactions
from foundation.approvals import deciding
from foundation.approvals.models import Request
from foundation.refusals import Refusal
from points import ledger
from points.models import Entry, Kind, Purse
from tests.approvals.cast import approve, ask, assemble_committed, withdraw
from tests.factories import MemberFactory
from tests.points.cast import CLERK, asked, books_ok
from tests.races.test_night import at_once

ROUNDS = 20


def code_of(answer):
    """Return what a call came to: `done`, or the code of its refusal."""
    if isinstance(answer, Exception) and not isinstance(answer, Refusal):
        raise answer
    return answer.code if isinstance(answer, Refusal) else "done"


def approving(made, user):
    return lambda: transactions.commit(approve, made=made, user=user)


def crowd(cast, size):
    return MemberFactory.create_batch(size, branch=cast.lujiazui)


def naively(made, together, *, points):
    """Approve as a program would that reads the status, thinks, and writes what it thought."""
    waits = Request.objects.filter(pk=made.pk, status="pending").exists()
    together.wait(timeout=30)
    if not waits:
        return "already_decided"
    Purse.objects.using("owner").filter(member_id=made.payload["rows"][0]["member"]).update(
        available=F("available") + points, credited=F("credited") + points
    )
    return "done"


def test_two_checkers_at_once_execute_once(committed):
    """A13: the second is told that it is decided."""
    cast = assemble_committed()

    for member in crowd(cast, ROUNDS):
        made = transactions.commit(ask, cast=cast, points=100, member=member)
        answers = at_once(approving(made, cast.mo), approving(made, cast.fang))
        assert sorted(map(code_of, answers)) == ["already_decided", "done"]

    assert Entry.objects.filter(kind=Kind.ADJUST).count() == ROUNDS
    assert set(Purse.objects.exclude(member_id=cast.wang.pk).values_list("available", "entries")) == {(100, 1)}
    assert books_ok()


def test_two_checkers_at_once_naively(committed):
    cast = assemble_committed()
    made = transactions.commit(ask, cast=cast, points=100)
    together = threading.Barrier(2)

    answers = at_once(*[lambda: naively(made, together, points=100)] * 2)

    assert answers == ["done", "done"]
    assert Purse.objects.get(member_id=cast.wang.pk).available == 1_200


def test_the_maker_takes_back_while_the_checker_approves(committed):
    """A12: an edit is a request taken back and made anew; exactly one of the two happens, and the points follow it."""
    cast = assemble_committed()
    seen = set()

    for member in crowd(cast, ROUNDS):
        made = transactions.commit(ask, cast=cast, points=100, member=member)
        edit = {"id": uuid.uuid4(), "cast": cast, "points": 999, "member": member}

        def change(made=made, edit=edit):
            transactions.commit(withdraw, made=made, user=cast.lin)
            return transactions.commit(ask, **edit)

        approved, changed = map(code_of, at_once(approving(made, cast.mo), change))
        seen.add((approved, changed))
        booked = list(Entry.objects.filter(member_id=member.pk).values_list("points", flat=True))
        assert booked == ([100] if approved == "done" else [])

    assert seen <= {("done", "already_decided"), ("withdrawn", "done")}
    assert books_ok()


def test_the_maker_takes_back_while_the_checker_approves_naively(committed):
    cast = assemble_committed()
    made = transactions.commit(ask, cast=cast, points=100)
    together = threading.Barrier(2)

    def take_back():
        waits = Request.objects.filter(pk=made.pk, status="pending").exists()
        together.wait(timeout=30)
        return (
            "done"
            if waits and Request.objects.filter(pk=made.pk).update(status="withdrawn", settled_at=F("requested_at"))
            else "-"
        )

    answers = at_once(lambda: naively(made, together, points=100), take_back)

    assert answers == ["done", "done"]
    assert Purse.objects.get(member_id=cast.wang.pk).available == 1_100


def test_a_purse_is_booked_on_while_the_checker_approves(committed):
    """F16: either the request was first, or it is stale; the checker never approves a balance that he didn't see."""
    cast = assemble_committed()
    members = crowd(cast, ROUNDS)
    transactions.commit(ledger.post, batch=[asked(member, cast.points, 50) for member in members], actor=CLERK)
    seen = set()

    for member in members:
        made = transactions.commit(ask, cast=cast, points=100, member=member)
        earned = asked(member, cast.points, 5)
        approved, _earned = at_once(
            approving(made, cast.mo),
            lambda earned=earned: transactions.commit(ledger.post, batch=[earned], actor=CLERK),
        )
        seen.add(code_of(approved))
        kinds = list(Entry.objects.filter(member_id=member.pk).order_by("number").values_list("points", flat=True))
        assert kinds == ([50, 100, 5] if code_of(approved) == "done" else [50, 5])

    assert seen <= {"done", "stale"}
    assert books_ok()


def test_two_checkers_share_one_days_limit(committed):
    """F08: two requests that fit the day each, and not together, are not both approved at the same moment."""
    cast = assemble_committed()
    first, second, third = crowd(cast, 3)
    transactions.commit(approve, made=transactions.commit(ask, cast=cast, points=50_000, member=first), user=cast.mo)
    made = [transactions.commit(ask, cast=cast, points=30_000, member=member) for member in (second, third)]

    answers = at_once(*(approving(one, cast.mo) for one in made))

    assert sorted(map(code_of, answers)) == ["done", "over_limit"]
    assert sum(Request.objects.filter(status="approved").values_list("amount", flat=True)) == 80_000


def test_two_checkers_share_one_days_limit_naively(committed):
    """Both read the sum of the day before either has written, and both find room."""
    cast = assemble_committed()
    first, second, third = crowd(cast, 3)
    transactions.commit(approve, made=transactions.commit(ask, cast=cast, points=50_000, member=first), user=cast.mo)
    made = [transactions.commit(ask, cast=cast, points=30_000, member=member) for member in (second, third)]
    together = threading.Barrier(2)

    def look(one):
        fits = deciding.amount_of_day(one, at=one.requested_at) <= 100_000
        together.wait(timeout=30)
        return fits

    assert at_once(*(lambda one=one: look(one) for one in made)) == [True, True]


def test_the_same_form_sent_twice_makes_one_request(committed):
    cast = assemble_committed()

    for _round in range(ROUNDS):
        one = uuid.uuid4()
        answers = at_once(*[lambda one=one: transactions.commit(ask, cast=cast, id=one)] * 2)
        assert [answer.pk for answer in answers] == [one, one]

    assert Request.objects.count() == ROUNDS
