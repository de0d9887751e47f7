"""Merging two records of one person, and undoing that: each as another person decided it, in one transaction (docs/merging.md).

Both stand behind the fence that the night takes to flip a date, so that whatever is booked or reported meanwhile has committed before,
or finds the one record that stays. What is asked for, and its words, stands in membership_site.merge_requests.
"""

import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from activity import carrying
from foundation.actors import Actor
from foundation.approvals.requesting import Stale
from foundation.audit.recording import Change, record_each
from foundation.jobs import clock, fencing
from foundation.jobs.models import BusinessDate
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import merging
from members.models import Merge
from membership_site import merge_states
from points import moving
from tiers import keeping


class NightIsRunning(Refusal):
    code = "night_is_running"
    retry_after_seconds = 600
    sentence = _("The night is being closed just now. Records can be merged when it is done.")


@in_transaction
def merge(
    *,
    payload: dict[str, Any],
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Merge the record that goes into the one that stays; return what moved: points by currency id, and how much of the rest.

    Some sixty statements, however many lots, accounts and facts. Refuses night_is_running, stale, and what merging.refuse_unfit and
    moving.move refuse.
    """
    booked_on = _alone()
    records = merging.locked(payload["kept"], payload["gone"])
    kept, gone = records[payload["kept"]], records[payload["gone"]]
    _refuse_changed(versions)
    merging.refuse_unfit(kept=kept, gone=gone)
    made = Merge.objects.create(kept=kept, gone=gone, merged_at=Now(), booked_on=booked_on, request_id=request_id)
    made.refresh_from_db(fields=["merged_at"])
    points = moving.move(merge=made, on=booked_on, actor=actor)
    moved = merging.hand_on(kept=kept, gone=gone, today=as_of, at=made.merged_at, actor=actor)
    facts = carrying.carry(giver_id=gone.pk, taker_id=kept.pk, accounts=moved["accounts"], is_back=False, actor=actor)
    moved["tiers"] = keeping.keep_higher(
        kept=kept, gone=gone, starts_on=booked_on, request_id=request_id, reason=reason, actor=actor
    )
    moved["points"] = points
    merging.close_into(kept, gone, today=as_of, actor=actor)
    Merge.objects.filter(pk=made.pk).update(moved=moved)
    told = {"merge": made.pk, "points": points, "accounts": len(moved["accounts"]), **facts}
    _leave_trail("members.merge", made, told, reason=reason, at=made.merged_at, actor=actor)
    return told


@in_transaction
def undo(
    *,
    payload: dict[str, Any],
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Part two merged records again: what is left of what moved goes back, what was spent meanwhile stays spent.

    Returns what went back, as `merge` does. Refuses night_is_running, stale, and what merging.refuse_late and moving.move_back refuse.
    """
    undone_on = _alone()
    made = Merge.objects.select_for_update().get(pk=payload["merge"])
    records = merging.locked(made.kept_id, made.gone_id)
    made.kept, made.gone = records[made.kept_id], records[made.gone_id]
    _refuse_changed(versions)
    merging.refuse_late(made, kept=made.kept, days=settings.MERGE_UNDO_DAYS, as_of=as_of)
    Merge.objects.filter(pk=made.pk).update(undone_at=Now(), undone_on=undone_on, undoing_request_id=request_id)
    made.refresh_from_db(fields=["undone_at"])
    family = merging.reopen(made.gone, today=as_of, actor=actor)
    points = moving.move_back(merge=made, family=family, on=undone_on, actor=actor)
    back = merging.give_back(made, today=as_of)
    facts = carrying.carry(
        giver_id=made.kept_id, taker_id=made.gone_id, accounts=back["accounts"], is_back=True, actor=actor
    )
    keeping.let_go(kept=made.moved.get("tiers", {}), on=undone_on, request_id=request_id, actor=actor)
    told = {"merge": made.pk, "points": points, "accounts": len(back["accounts"]), **facts}
    _leave_trail("members.undo_merge", made, told, reason=reason, at=made.undone_at, actor=actor)
    return told


def _alone() -> datetime.date:
    """Wait until nobody books or reports, keep everybody waiting, and return the open business date; refuses night_is_running."""
    fencing.hold()
    if BusinessDate.objects.filter(status=BusinessDate.Status.CLOSING).exists():
        raise NightIsRunning
    return clock.booking_date()


def _refuse_changed(versions: dict[str, str]) -> None:
    """Refuse (stale) where a record has moved since it was looked at; asked once more, now that nothing moves any more."""
    if merge_states.versions_of([int(subject.rpartition("/")[2]) for subject in versions]) != versions:
        raise Stale


def _leave_trail(
    verb: str, made: Merge, told: dict[str, Any], *, reason: str, at: datetime.datetime, actor: Actor
) -> None:
    """Write one event at each of the two records."""
    record_each(
        verb=verb,
        actor=actor,
        subject_kind="member",
        at=at,
        reason=reason,
        changes=[
            Change(subject_id=made.gone_id, new={**told, "into": made.kept.number}),
            Change(subject_id=made.kept_id, new={**told, "of": made.gone.number}),
        ],
    )
