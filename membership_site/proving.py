"""Proving the books: the touched purses each night, all of them each week and on demand."""

import datetime
from typing import Any

import structlog
from django.db.models import Func
from django.utils.translation import gettext_lazy as _

from books import recounting
from foundation import transactions
from foundation.jobs import fencing
from foundation.jobs.models import JobRun
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from points import proving, verifying
from points.models import Purse

JOB = "prove"
SUNDAY = 7
Results = dict[str, dict]

log = structlog.get_logger(__name__)


class DateNotClosed(Refusal):
    code = "date_not_closed"
    sentence = _("The books are proved as of a closed business date; %(asked)s is not closed.")


class BooksBroken(Exception):
    """An invariant of the ledger does not hold; the night stops at this date until somebody has looked."""


def broken(results: Results) -> str:
    """Return the broken invariants with their first purses, in one line; empty where all hold."""
    return "; ".join(
        f"{name} broken {result['violations']} times, first at {', '.join(_named(result))}"
        for name, result in results.items()
        if result["violations"]
    )


def _named(result: dict[str, Any]) -> list[str]:
    """Return a result's examples, each with the day since when it is broken where that is known."""
    since = result.get("since", {})
    return [f"{one} since {since[one]}" if since.get(one) else f"{one}" for one in result["examples"]]


@in_transaction
def prove_touched(*, business_date: datetime.date, first_member: int, last_member: int) -> dict[str, int]:
    """Prove the chunk's purses that were touched on the date; return how many; raise BooksBroken."""
    touched = Purse.objects.filter(member_id__range=(first_member, last_member), last_booked_on__gte=business_date)
    if not touched.exists():
        return {"purses": 0}
    results = proving.prove(
        as_of=business_date, first_member=first_member, last_member=last_member, touched_since=business_date
    )
    if what := broken(results):
        raise BooksBroken(what)
    return {"purses": results["purse_equals_entries"]["checked"]}


@in_transaction
def prove_all(*, as_of: datetime.date, at: datetime.datetime) -> Results:
    """Prove every purse as of a closed date, keep the results as the job's run of that date, and return them.

    Refuses date_not_closed: only a close takes out what has lapsed.
    """
    last = fencing.last_closed()
    if last is None or as_of > last:
        raise DateNotClosed(asked=as_of)
    results = proving.prove(as_of=as_of) | {
        "books_tie": recounting.recount(as_of=as_of),
        "seals_verify": _seals(as_of=as_of),
    }
    what = broken(results)
    JobRun.objects.update_or_create(
        job=JOB,
        business_date=as_of,
        defaults={
            "status": JobRun.Status.FAILED if what else JobRun.Status.DONE,
            "counts": results,
            "error": what,
            "started_at": at,
            "finished_at": Func(function="clock_timestamp"),
        },
    )
    if what:
        log.error("books broken", as_of=f"{as_of}", what=what)
    return results


def _seals(*, as_of: datetime.date) -> dict[str, Any]:
    """Return how many seals, and what of them, don't hold; what they sealed is not digested anew here."""
    verdict = verifying.verify(last=as_of, entries=False)
    dates = sorted({f"{finding['business_date']}" for finding in verdict.broken})
    return {"violations": len(dates), "checked": verdict.verified + len(dates), "examples": dates[:5]}


def prove_where_due(*, at: datetime.datetime) -> None:
    """Prove every purse where a Sunday has been closed since the last such proof."""
    last = fencing.last_closed()
    if last is None:
        return
    sunday = last - datetime.timedelta(days=last.isoweekday() % SUNDAY)
    if not JobRun.objects.filter(job=JOB, business_date__gte=sunday).exists():
        transactions.commit(prove_all, as_of=last, at=at)
