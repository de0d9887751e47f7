"""Making versions out of approved proposals: a new one, an older one once more, or none after all (docs/rule-books.md).

A version in force is picked by date, so a change is one row that a transaction writes: there is no moment between the old and the
new rules. Versions begin on a day that has not begun: nothing has been earned or reviewed on it by other rules, and a quantity
that no rule has counted yet is rolled up, from all earlier facts, by the nights before it (Series.counted_from).
"""

import copy
import dataclasses
import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.db.models.base import ModelState
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.approvals.requesting import Stale
from foundation.jobs import clock
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from tiers import reading
from tiers.compiling import Ladder, load
from tiers.models import Condition, Draft, Programme, RuleBook, TierTerms, Withdrawal

DAY = datetime.timedelta(days=1)


class StartTooEarly(Refusal):
    code = "start_too_early"
    status = 422
    sentence = _("The first day on which these rules can come into force is %(date)s.")


class StartNotAfterLatest(Refusal):
    code = "start_not_after_latest"
    status = 422
    sentence = _("Version %(number)s starts on %(date)s. A new one starts later, or that one is withdrawn first.")


class ProtectionTooEarly(Refusal):
    code = "protection_too_early"
    status = 422
    sentence = _("Protection ends after the day on which the rules come into force.")


class InForceAlready(Refusal):
    code = "in_force_already"
    sentence = _("This version is in force; go back to an older one instead.")


class AlreadyWithdrawn(Refusal):
    code = "already_withdrawn"
    sentence = _("This version was withdrawn before.")


@in_transaction
def put_in_force(
    *,
    payload: dict[str, Any],
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Make the programme's next version as proposed, with its terms, conditions and series; some ten statements, whatever its size.

    Refuses stale, invalid_rule_book, and of the start what `check_start` refuses.
    """
    programme = _locked(payload["programme"], versions)
    start = datetime.date.fromisoformat(payload["in_force_from"])
    ladder = reading.ladder_of(document=payload["document"], programme=programme, in_force_from=start)
    check_start(programme, start, protected_until=_date(payload["protected_until"]), as_of=as_of)
    book = _write(ladder, protected_until=_date(payload["protected_until"]))
    # A draft that was edited since, after a request that came to nothing, is another draft.
    Draft.objects.open().filter(pk=payload["draft"], digest=payload["digest"]).update(
        state=Draft.State.APPROVED, rule_book=book
    )
    return _made(book)


@in_transaction
def roll_back(
    *,
    payload: dict[str, Any],
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Make a version equal to an older one, in force from the first day possible; refuses stale, and what `check_start` refuses.

    It is copied, not read: what held once holds again, whatever the reader asks of drafts by now.
    """
    programme = _locked(payload["programme"], versions)
    start = first_start(as_of=as_of)
    check_start(programme, start, protected_until=_date(payload["protected_until"]), as_of=as_of)
    (older,) = load(programme.rule_books.filter(number=payload["to"]).select_related("programme"))
    return _made(_write(_copied(older, start), protected_until=_date(payload["protected_until"])))


@in_transaction
def withdraw(
    *,
    payload: dict[str, Any],
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Withdraw a version before it comes into force. Refuses stale, already_withdrawn, in_force_already."""
    programme = _locked(payload["programme"], versions)
    book = programme.rule_books.get(number=payload["number"])
    check_withdrawal(book, as_of=as_of)
    Withdrawal.objects.create(
        rule_book=book, reason=reason, request_id=request_id, withdrawn_on=first_start(as_of=as_of) - DAY
    )
    return _made(book)


def first_start(*, as_of: datetime.date) -> datetime.date:
    """Return the first day that has not begun: the one after today and after the first open business date, which it fences."""
    return max(clock.booking_date(), as_of) + DAY


def check_start(
    programme: Programme, start: datetime.date, *, protected_until: datetime.date | None, as_of: datetime.date
) -> None:
    """Refuse start_too_early, start_not_after_latest, protection_too_early."""
    first = first_start(as_of=as_of)
    if start < first:
        raise StartTooEarly(field="in_force_from", date=date_format(first))
    latest = programme.rule_books.standing().order_by("-in_force_from").first()
    if latest and start <= latest.in_force_from:
        raise StartNotAfterLatest(field="in_force_from", number=latest.number, date=date_format(latest.in_force_from))
    if protected_until and protected_until <= start:
        raise ProtectionTooEarly(field="protected_until")


def check_withdrawal(book: RuleBook, *, as_of: datetime.date) -> None:
    """Refuse already_withdrawn, in_force_already."""
    if Withdrawal.objects.filter(rule_book=book).exists():
        raise AlreadyWithdrawn
    if book.in_force_from < first_start(as_of=as_of):
        raise InForceAlready


def version_of(programme_id: int) -> str:
    """Return what changes whenever a version of the programme is made or withdrawn: its highest number and the withdrawals."""
    latest = RuleBook.objects.filter(programme=programme_id).aggregate(latest=Max("number"))["latest"]
    withdrawn = Withdrawal.objects.filter(rule_book__programme=programme_id).count()
    return f"{latest or 0}/{withdrawn}"


def subject_of(programme_id: int) -> str:
    """Return a programme's name among the targets of requests."""
    return f"programme/{programme_id}"


def _locked(programme_id: int, versions: dict[str, str]) -> Programme:
    """Return the programme, locked, if its versions are those that the requester saw.

    Requests of one kind are decided one after another, those of different kinds are not; so this looks once more, behind the lock.
    """
    programme = Programme.objects.select_for_update().get(pk=programme_id)
    if versions[subject_of(programme_id)] != version_of(programme_id):
        raise Stale
    return programme


def _copied(ladder: Ladder, start: datetime.date) -> Ladder:
    """Return a ladder's rules as new rows of a version that begins on `start`, nothing saved."""
    book = copy.copy(ladder.rule_book)
    book.pk, book.in_force_from, book._state = None, start, ModelState()
    terms, conditions = [copy.copy(one) for one in ladder.terms], [copy.copy(one) for one in ladder.conditions]
    rows: list[TierTerms | Condition] = [*terms, *conditions]
    for row in rows:
        row._state = copy.copy(row._state)
        row.pk, row.rule_book = None, book
    return dataclasses.replace(ladder, rule_book=book, terms=terms, conditions=conditions)


def _write(ladder: Ladder, *, protected_until: datetime.date | None) -> RuleBook:
    book = ladder.rule_book
    latest = RuleBook.objects.filter(programme=book.programme).aggregate(latest=Max("number"))["latest"]
    book.number, book.protected_until, book.created_at = (latest or 0) + 1, protected_until, clock.reading()
    book.save(force_insert=True)
    TierTerms.objects.bulk_create(ladder.terms)
    reading.share_series(ladder.conditions)
    Condition.objects.bulk_create(ladder.conditions)
    return book


def _made(book: RuleBook) -> dict[str, Any]:
    return {"rule_book": book.pk, "number": book.number, "in_force_from": book.in_force_from.isoformat()}


def _date(text: str | None) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None
