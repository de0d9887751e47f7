"""Adjusting: manual corrections of purses, one member's or a file of many. Called by an approval only (docs/approvals.md)."""

import datetime
import uuid
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.approvals.requesting import Stale
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from points import ledger
from points.models import Entry, Kind, PointCurrency

# How many lines a refusal names.
NAMED = 5


class Insufficient(Refusal):
    code = "insufficient"
    sentence = _("More would be taken than is there: %(lines)s. Nothing was booked.")


class NotBooked(Refusal):
    code = "not_booked"
    sentence = _("Some of it can't be booked: %(lines)s. Nothing was booked.")


class AlreadyLapsed(Refusal):
    code = "already_lapsed"
    sentence = _(
        "Points would lapse before they are booked: %(lines)s. Nothing was booked; ask anew with a later date."
    )


@in_transaction
def adjust(
    *,
    payload: dict[str, Any],
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Book every row of an approved correction, all of them or none, and return how many.

    The number of statements is the same for one row and for thousands. A row's key is made of the request and its line, so that
    it is booked once. Refuses already_lapsed, insufficient, not_booked, and stale for a correction by hand whose purse was moved
    since `versions` were read.
    """
    rows = payload["rows"]
    if lapsed := [row for row in rows if row["expires_on"] and row["expires_on"] < as_of.isoformat()]:
        raise AlreadyLapsed(lines=_named(lapsed))
    currencies = dict(PointCurrency.objects.values_list("code", "id"))
    batch = [
        ledger.Posting(
            member_id=row["member"],
            currency_id=currencies[row["currency"]],
            key=uuid.uuid5(request_id, str(row["line"])),
            kind=Kind.ADJUST,
            points=row["points"],
            occurred_on=as_of,
            expires_on=row["expires_on"] and datetime.date.fromisoformat(row["expires_on"]),
            cause=f"approval/{request_id}",
            figures={"reason": row["reason"] or reason, "line": row["line"]},
        )
        for row in rows
    ]
    answers = ledger.post(batch, actor=actor)
    outcomes = {answer.outcome for answer in answers}
    if outcomes - {"posted"}:
        unbooked = [row for row, answer in zip(rows, answers, strict=True) if answer.outcome != "posted"]
        raise (Insufficient if outcomes <= {"posted", "insufficient"} else NotBooked)(lines=_named(unbooked))
    if payload["by"] == "hand":
        _refuse_moved(batch[0], answers[0], versions=versions)
    return {"booked": len(rows), "points": sum(row["points"] for row in rows)}


def _refuse_moved(posting: ledger.Posting, answer: ledger.Answer, *, versions: dict[str, str]) -> None:
    """Refuse where others booked between the reading of the version and the lock of the purse; its own expiries don't count."""
    [version] = versions.values()
    seen = int(version.rsplit("/", 1)[1])
    between = Entry.objects.filter(
        member_id=posting.member_id, currency_id=posting.currency_id, number__gt=seen, number__lt=answer.number
    )
    if between.exclude(kind=Kind.EXPIRE).exists():
        raise Stale


def _named(rows: list[dict[str, Any]]) -> str:
    """Name the first of the rows: their lines and members."""
    named = [f"{row['line']} ({row['number']})" for row in rows[:NAMED]]
    return ", ".join(named) + (f" … (+{len(rows) - NAMED})" if len(rows) > NAMED else "")
