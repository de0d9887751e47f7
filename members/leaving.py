"""Closing a membership: its purses close with it, under their locks (points_close_purses); nothing is earned or spent from then on."""

import datetime

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.transactions import in_transaction
from members.models import Member


@in_transaction
def close(*, member: Member, today: datetime.date, reason: str, actor: Actor, at: datetime.datetime) -> bool:
    """Close a membership on the date `today`; tell whether it was open. Closed once more, it keeps its date."""
    still_open = Member.objects.filter(pk=member.pk).exclude(status=Member.Status.CLOSED)
    if not still_open.update(status=Member.Status.CLOSED, closed_on=today):
        return False
    member.refresh_from_db(fields=["status", "closed_on"])
    record(
        verb="members.close",
        actor=actor,
        subject_kind="member",
        subject_id=member.pk,
        at=at,
        new={"closed_on": f"{today}"},
        reason=reason,
    )
    return True
