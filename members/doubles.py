"""Finding two records of one person, by keyed hashes; and remembering that two who look alike are not one (docs/merging.md)."""

import dataclasses
import datetime
from collections.abc import Sequence

from django.db import connection
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.approvals.requesting import ReasonMissing, worded
from foundation.audit.recording import record
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member, SetApart

PAGE = 50
AGREEING = {"national_id": _("identity document"), "name": _("name"), "phone": _("phone"), "email": _("mail address")}


class OneRecord(Refusal):
    code = "one_record"
    status = 422
    sentence = _("Choose two different records.")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two records that look like one person's, the older one first; `agree` says in what, as keys of AGREEING."""

    first: Member
    second: Member
    agree: tuple[str, ...]


def find(
    *, paths: Sequence[str] | None, after: tuple[int, int] | None = None, limit: int = PAGE
) -> tuple[list[Pair], tuple[int, int] | None]:
    """Return a page of pairs whose branches both lie at or under one of `paths` (None: all), and where the next page begins.

    Two queries, however many members and pairs. Records that are closed, or erased, have nothing that could agree.
    """
    patterns = None if paths is None else [f"{path}%" for path in paths]
    values = {"patterns": patterns, "after": list(after) if after else None, "limit": limit + 1}
    with connection.cursor() as cursor:
        cursor.execute(statement("members", "doubles"), values)
        rows = cursor.fetchall()
    shown = rows[:limit]
    known = Member.objects.select_related("branch", "person").in_bulk({one for row in shown for one in row[:2]})
    pairs = [
        Pair(
            first=known[first],
            second=known[second],
            agree=tuple(what for what, is_equal in zip(AGREEING, equal, strict=True) if is_equal),
        )
        for first, second, *equal in shown
    ]
    return pairs, (shown[-1][0], shown[-1][1]) if len(rows) > limit else None


@in_transaction
def set_apart(*, one: Member, other: Member, reason: str, at: datetime.datetime, actor: Actor) -> SetApart:
    """Remember that two records are not one person's; said again, the first word stands. Refuses reason_missing, one_record."""
    reason = worded(reason)
    if not reason:
        raise ReasonMissing(field="reason")
    if one.pk == other.pk:
        raise OneRecord
    first, second = sorted([one.pk, other.pk])
    made, is_new = SetApart.objects.get_or_create(
        first_id=first,
        second_id=second,
        defaults={"reason": reason, "set_apart_at": at, "set_apart_by": actor.user},
    )
    if is_new:
        for subject, twin in ((first, second), (second, first)):
            record(
                verb="doubles.set_apart",
                actor=actor,
                subject_kind="member",
                subject_id=subject,
                at=at,
                new={"other": twin},
                reason=reason,
            )
    return made
