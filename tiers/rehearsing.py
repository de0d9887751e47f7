"""Rehearsing: other rules replayed over the last months for all members, range by range, beside the live standings (docs/rehearsal.md)."""

import datetime
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from celery import current_app
from django.db import connection, transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.actors import Actor
from foundation.approvals.digesting import digest_of
from foundation.audit import recording
from foundation.jobs import clock, fencing
from foundation.jobs.models import Bank
from foundation.periods import add_months, month_end
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.cutting import cuts
from members.models import Member
from tiers import calendars, reading
from tiers.comparing import Comparison, added, result
from tiers.compiling import Ladder, load
from tiers.models import Programme, Protection, Rehearsal, RehearsedRange, RuleBook
from tiers.replaying import Replay, number_series
from tiers.reviewing import COUNTS, SECURED_TODAY, UNDER_REVIEW, Evaluation

TASK = "rehearse"
MOST_MONTHS = 120
LAST_MEMBER = 2**63 - 1
DAY = datetime.timedelta(days=1)
PAUSE_SECONDS = 0.2  # between two looks at ranges that others hold
SAMPLE = 1_000  # members whose first two dates are timed before a rehearsal starts
# Beside the reviews: who stands where at each month's end, and what it costs.
BESIDE = 1.3

log = structlog.get_logger(__name__)


class NothingClosed(Refusal):
    code = "nothing_closed"
    sentence = _("No business date is closed yet, so there is nothing to rehearse over.")


class NoRulesInForce(Refusal):
    code = "no_rules_in_force"
    sentence = _("%(programme)s has no rule book in force in these months.")


class MonthsOutOfRange(Refusal):
    code = "months_out_of_range"
    status = 422
    sentence = _("A rehearsal covers 1 to %(most)s months.")


class NotFailed(Refusal):
    code = "rehearsal_not_failed"
    sentence = _("This rehearsal has not failed: it is running, or done.")


class RuleBookElsewhere(Refusal):
    code = "rule_book_elsewhere"
    status = 422
    sentence = _("This rule book belongs to another programme.")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a rehearsal decides, date by date; `ladder` are its rules, None where each date has its own."""

    evaluations: list[Evaluation]
    ladders: list[Ladder]
    ladder: Ladder | None


@in_transaction
def start(
    *,
    programme: Programme,
    months: int,
    actor: Actor,
    at: datetime.datetime,
    document: dict[str, Any] | None = None,
    rule_book: RuleBook | None = None,
) -> Rehearsal:
    """Start a rehearsal of a draft, of a stored rule book or, with neither, of the rules in force on each date; workers go on with it.

    It covers the last `months` months up to the last closed business date; the rules in force no date before the bank's first.
    Refuses nothing_closed, months_out_of_range, invalid_rule_book, rule_book_elsewhere, no_rules_in_force. How long it will take
    stands in `expected_seconds`, measured on some members.
    """
    if not 1 <= months <= MOST_MONTHS:
        raise MonthsOutOfRange(most=MOST_MONTHS)
    if rule_book and rule_book.programme_id != programme.pk:
        raise RuleBookElsewhere
    ends_on = fencing.last_closed()
    if ends_on is None:
        raise NothingClosed
    starts_on = add_months(ends_on, -months) + DAY
    if document is None and rule_book is None:
        starts_on = max(starts_on, Bank.objects.get().first_business_date)
    rehearsal = Rehearsal(
        programme=programme,
        rule_book=rule_book,
        document=document,
        digest="" if document is None else digest_of(document),
        months=months,
        starts_on=starts_on,
        ends_on=ends_on,
        members=Member.objects.filter(joined_on__lte=ends_on).count(),
        started_by=actor.user.get_username() if actor.user else actor.system,
        started_at=at,
    )
    plan = plan_of(rehearsal)
    if not plan.ladders:
        raise NoRulesInForce(programme=programme)
    rehearsal.dates = len(plan.evaluations)
    rehearsal.expected_seconds = _expected_seconds(rehearsal, plan)
    rehearsal.save()
    firsts = [1, *cuts()]
    RehearsedRange.objects.bulk_create(
        RehearsedRange(rehearsal=rehearsal, first_member=first, last_member=last)
        for first, last in zip(firsts, [*(cut - 1 for cut in firsts[1:]), LAST_MEMBER], strict=True)
    )
    recording.record(
        verb="tiers.rehearsing.start",
        actor=actor,
        subject_kind="rehearsal",
        subject_id=rehearsal.pk,
        at=at,
        new={"programme": programme.code, "months": months, "digest": rehearsal.digest},
    )
    transaction.on_commit(lambda: send(rehearsal.pk), robust=True)
    return rehearsal


@in_transaction
def resume(*, rehearsal_id: int, actor: Actor, at: datetime.datetime) -> Rehearsal:
    """Let a rehearsal that failed run on: the ranges that it has replayed stay, a worker goes on with the others.

    Refuses rehearsal_not_failed. Where the reason is not gone, it fails once more.
    """
    failed = Rehearsal.objects.filter(pk=rehearsal_id, status=Rehearsal.Status.FAILED)
    if not failed.update(status=Rehearsal.Status.RUNNING, error=""):
        raise NotFailed
    recording.record(
        verb="tiers.rehearsing.resume", actor=actor, subject_kind="rehearsal", subject_id=rehearsal_id, at=at
    )
    transaction.on_commit(lambda: send(rehearsal_id), robust=True)
    return Rehearsal.objects.get(pk=rehearsal_id)


@in_transaction
def start_again(*, rehearsal: Rehearsal, actor: Actor, at: datetime.datetime) -> Rehearsal:
    """Start a rehearsal of the same rules over as many months, up to the last closed business date. Refuses as `start` does."""
    return start(
        programme=rehearsal.programme,
        months=rehearsal.months,
        document=rehearsal.document,
        rule_book=rehearsal.rule_book,
        actor=actor,
        at=at,
    )


def latest(*, programme: Programme, digest: str) -> Rehearsal | None:
    """Return the last finished rehearsal of exactly the draft with this digest; None where it was not rehearsed."""
    done = programme.rehearsals.filter(digest=digest, status=Rehearsal.Status.DONE).exclude(digest="")
    return done.order_by("-finished_at", "-pk").first()


def plan_of(rehearsal: Rehearsal) -> Plan:
    """Return the dates of a rehearsal with the rules of each; a constant number of statements, however many dates.

    Nobody's drop is held off by a rule book's own `protected_until`, which belongs to its cut-over; of the rules in force it was history.
    """
    programme, first, last = rehearsal.programme, rehearsal.starts_on, rehearsal.ends_on
    ladder: Ladder | None = None
    if rehearsal.document is not None:
        # Its dates lie back, so that its windows may begin before the facts do; the report says so.
        ladder = reading.ladder_of(
            document=rehearsal.document, programme=programme, in_force_from=first, within_history=False
        )
        ladder.rule_book.programme = programme
        number_series(ladder)
    elif rehearsal.rule_book:
        [ladder] = load([rehearsal.rule_book])
    if ladder:
        ladder.rule_book.protected_until = None
        ladders = [ladder]
    else:
        books = programme.rule_books.standing().filter(in_force_from__lte=last).select_related("programme")
        ladders = load(books.order_by("in_force_from"))
        in_force = [one for one in ladders if one.rule_book.in_force_from <= first][-1:]
        ladders = in_force + [one for one in ladders if one.rule_book.in_force_from > first]
    secured = Protection.objects.filter(programme=programme, starts_on__range=(first, last))
    secured_on = set(secured.values_list("starts_on", flat=True))
    evaluations = []
    for day in (first + DAY * number for number in range((last - first).days + 1)):
        of_day = ladder or next((one for one in reversed(ladders) if one.rule_book.in_force_from <= day), None)
        if of_day and calendars.is_due(of_day.rule_book, day):
            evaluations.append(Evaluation(as_of=day, ladders=[of_day], where=UNDER_REVIEW))
        elif of_day and day in secured_on:
            evaluations.append(Evaluation(as_of=day, ladders=[of_day], where=UNDER_REVIEW + SECURED_TODAY))
    return Plan(evaluations=evaluations, ladders=ladders, ladder=ladder)


def _expected_seconds(rehearsal: Rehearsal, plan: Plan) -> int:
    """Return how long one worker will need, by the first two dates of some members, rounded up."""
    sample = list(Member.objects.order_by("pk").values_list("pk", flat=True)[:SAMPLE])
    if not sample or not plan.evaluations:
        return 1
    took = []
    began = time.perf_counter()
    replay = _replay(rehearsal, plan, first_member=sample[0], last_member=sample[-1])
    for evaluation in plan.evaluations[:2]:
        replay.decide(evaluation)
        took.append(time.perf_counter() - began)
        began = time.perf_counter()
    each = took[-1] * max(rehearsal.dates - 1, 0)
    return math.ceil((took[0] + each) * BESIDE * max(rehearsal.members / len(sample), 1))


def _replay(rehearsal: Rehearsal, plan: Plan, **members: int) -> Replay:
    return Replay(programmes=[rehearsal.programme_id], ladders=plan.ladders, starts_on=rehearsal.starts_on, **members)


CLAIM = """
SELECT id, rehearsal_id, first_member, last_member FROM tiers_rehearsedrange
WHERE rehearsal_id = %s AND done_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
DONE = """
UPDATE tiers_rehearsedrange SET done_at = clock_timestamp(), counts = %s,
  seconds = extract(epoch FROM clock_timestamp() - transaction_timestamp())
WHERE id = %s
"""


@in_transaction
def do_next(*, rehearsal: Rehearsal, plan: Plan) -> RehearsedRange | None:
    """Claim the next range of members, replay it and keep what it counted; return it, None where none is free."""
    present = next(iter(RehearsedRange.objects.raw(CLAIM, [rehearsal.pk])), None)
    if present is None:
        return None
    counts = replay_range(
        rehearsal=rehearsal, plan=plan, first_member=present.first_member, last_member=present.last_member
    )
    with connection.cursor() as cursor:
        cursor.execute(DONE, [json.dumps(counts), present.pk])
    return present


@in_transaction
def replay_range(*, rehearsal: Rehearsal, plan: Plan, first_member: int, last_member: int) -> dict[str, Any]:
    """Replay first_member <= id <= last_member and return what it counts; one statement a date, some at both ends."""
    replay = _replay(rehearsal, plan, first_member=first_member, last_member=last_member)
    comparison = Comparison(rehearsal=rehearsal, replay=replay)
    for evaluation in plan.evaluations:
        comparison.count_moves(replay.decide(evaluation))
    comparison.tally(list(_tally_days(rehearsal)))
    return comparison.settle(ladder=plan.ladder) | {"cut_over": _cut_over(rehearsal, plan, **replay.members)}


def _cut_over(rehearsal: Rehearsal, plan: Plan, **members: int) -> dict[str, dict[str, int]]:
    """Return what other rules would have decided had they come into force with their last review of the period, by its date.

    The facts and the standings of the evening before are history's; no forecast is in it. {} of the rules in force, and without a review.
    """
    book = plan.ladder.rule_book if plan.ladder else None
    reviews = [
        one
        for one in plan.evaluations
        if book and (book.calendar == RuleBook.Calendar.ANNIVERSARY or calendars.is_review(book, one.as_of))
    ]
    if not reviews:
        return {}
    last = reviews[-1]
    replay = Replay(programmes=[rehearsal.programme_id], ladders=plan.ladders, starts_on=last.as_of, **members)
    counted = replay.decide(last)
    return {f"{last.as_of}": {name: counted[name] for name in COUNTS[1:]}}


def _tally_days(rehearsal: Rehearsal) -> Iterator[datetime.date]:
    """Yield the month's ends of a rehearsal, and its last day."""
    day = month_end(rehearsal.starts_on)
    while day < rehearsal.ends_on:
        yield day
        day = month_end(day + DAY)
    yield rehearsal.ends_on


@in_transaction
def finish(*, rehearsal_id: int, at: datetime.datetime) -> Rehearsal | None:
    """Put the ranges' counts together and mark the rehearsal done; None while a range is left, and where it is over already."""
    running = Rehearsal.objects.filter(pk=rehearsal_id, status=Rehearsal.Status.RUNNING)
    rehearsal = running.select_for_update(of=["self"]).select_related("programme").first()
    if rehearsal is None or rehearsal.ranges.filter(done_at=None).exists():
        return None
    counts = added(rehearsal.ranges.values_list("counts", flat=True))
    rehearsal.status, rehearsal.finished_at = Rehearsal.Status.DONE, at
    rehearsal.result = result(rehearsal=rehearsal, counts=counts)
    rehearsal.save(update_fields=["status", "finished_at", "result"])
    return rehearsal


@in_transaction
def fail(*, rehearsal_id: int, error: Exception) -> None:
    """Write onto a rehearsal that it failed, and the first line of why; what was replayed stays, for it to be resumed."""
    first_line = (str(error).splitlines() or [""])[0]
    Rehearsal.objects.filter(pk=rehearsal_id, status=Rehearsal.Status.RUNNING).update(
        status=Rehearsal.Status.FAILED, error=f"{type(error).__name__}: {first_line}"[:400]
    )


def found(rehearsal_id: int) -> Rehearsal | None:
    """Return a rehearsal that is running, with its programme and rules; None where it is over, or not there."""
    running = Rehearsal.objects.filter(pk=rehearsal_id, status=Rehearsal.Status.RUNNING)
    return running.select_related("programme", "rule_book__programme").first()


def go_on(*, rehearsal_id: int, most: int | None = None, tell: Callable[[RehearsedRange], None] | None = None) -> bool:
    """Replay ranges, each in its own transaction, until none is free or `most` are done; return whether some may be left.

    Any number of workers may; who does the last range finishes the rehearsal. What fails, a draft too that no longer reads, is
    written onto it and raised.
    """
    rehearsal = found(rehearsal_id)
    if rehearsal is None:
        return False
    replayed = 0
    try:
        plan = plan_of(rehearsal)
        while most is None or replayed < most:
            done = transactions.commit(do_next, rehearsal=rehearsal, plan=plan)
            if done is None:
                break
            replayed += 1
            if tell:
                tell(done)
        transactions.commit(finish, rehearsal_id=rehearsal_id, at=clock.now())
    except Exception as error:
        if connection.is_usable():
            transactions.commit(fail, rehearsal_id=rehearsal_id, error=error)
        raise
    return replayed == most


def wait(*, rehearsal_id: int) -> None:
    """Wait until other workers have done what they hold of a rehearsal; should their processes die, go on with it here."""
    while found(rehearsal_id):
        time.sleep(PAUSE_SECONDS)
        go_on(rehearsal_id=rehearsal_id)


def remaining_seconds(rehearsal: Rehearsal) -> int:
    """Return how long it will take one worker from here, by the ranges done so far; before the first, as was expected."""
    done = rehearsal.ranges.filter(done_at__isnull=False)
    seconds, count = done.aggregate(seconds=Sum("seconds"))["seconds"], done.count()
    if not count:
        return rehearsal.expected_seconds
    return math.ceil(seconds / count * rehearsal.ranges.filter(done_at=None).count())


@in_transaction
def idle() -> list[int]:
    """Return the rehearsals that are running and that nobody works on: each of their ranges left is free."""
    waiting = []
    for rehearsal in Rehearsal.objects.filter(status=Rehearsal.Status.RUNNING).order_by("pk"):
        left = rehearsal.ranges.filter(done_at=None)
        if left.count() == len(left.select_for_update(skip_locked=True)):
            waiting.append(rehearsal.pk)
    return waiting


def send(rehearsal_id: int) -> None:
    """Ask a worker to begin; nobody needs to hear it, since the minute's ring asks again."""
    try:
        current_app.send_task(TASK, kwargs={"rehearsal_id": rehearsal_id}, retry=False)
    except Exception as error:  # Whatever the broker says, the rehearsal stands in its table.
        log.warning("no worker", task=TASK, rehearsal=rehearsal_id, reason=f"{error}")
