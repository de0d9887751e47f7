"""The states of a membership: which are there, what each may do, which moves lead from one to another, and what was moved when.

Everything that asks what a member may do reads GATES; the database's function members_gates says the same, and a test compares them.
"""

import dataclasses
import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """A membership as people see it; `invited` is an active one that its member has not accepted yet."""

    INVITED = "invited", _("invited")
    ACTIVE = "active", _("active")
    DORMANT = "dormant", _("dormant")
    SUSPENDED = "suspended", _("suspended")
    CLOSED = "closed", _("closed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gates:
    """What a state allows: to earn, to spend (redeem, hold, transfer), to be addressed by marketing where he agreed, to sign in."""

    earns: bool
    spends: bool
    is_addressed: bool
    signs_in: bool


GATES: dict[str, Gates] = {
    # Loaded by the bank: he collects from the first day, and spends once he has accepted.
    State.INVITED: Gates(earns=True, spends=False, is_addressed=False, signs_in=False),
    State.ACTIVE: Gates(earns=True, spends=True, is_addressed=True, signs_in=True),
    # His own next act wakes him; until then nobody spends what he may have forgotten.
    State.DORMANT: Gates(earns=True, spends=False, is_addressed=True, signs_in=True),
    # What he does meanwhile is kept, and earns once he is reinstated.
    State.SUSPENDED: Gates(earns=False, spends=False, is_addressed=False, signs_in=True),
    State.CLOSED: Gates(earns=False, spends=False, is_addressed=False, signs_in=False),
}


class Reason(models.TextChoices):
    """Why a membership was moved."""

    ACCEPTED = "accepted", _("accepted the terms")
    INACTIVE = "inactive", _("no activity for long")
    ACTIVITY = "activity", _("an activity of his own")
    VISIT = "visit", _("signed in")
    COUNTER = "counter", _("came to the counter")
    FRAUD = "fraud", _("suspicion of fraud")
    TAKEOVER = "takeover", _("somebody else may use it")
    LEGAL = "legal", _("order of an authority")
    DISPUTE = "dispute", _("dispute under way")
    CLEARED = "cleared", _("cleared up")
    MISTAKE = "mistake", _("suspended by mistake")
    WISH = "wish", _("his own wish")
    DECEASED = "deceased", _("deceased")
    BREACH = "breach", _("breach of the terms")
    LEFT_BANK = "left_bank", _("left the bank")
    MERGED = "merged", _("merged into another record")
    PARTED = "parted", _("merge undone")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Move:
    """A transition: the states it leads from, the one it leads to, and the reasons it takes."""

    code: str
    origins: tuple[State, ...]
    to: State
    reasons: tuple[Reason, ...]


ACCEPT = Move(code="accept", origins=(State.INVITED,), to=State.ACTIVE, reasons=(Reason.ACCEPTED,))
DOZE = Move(code="doze", origins=(State.ACTIVE,), to=State.DORMANT, reasons=(Reason.INACTIVE,))
WAKE = Move(
    code="wake", origins=(State.DORMANT,), to=State.ACTIVE, reasons=(Reason.ACTIVITY, Reason.VISIT, Reason.COUNTER)
)
SUSPEND = Move(
    code="suspend",
    origins=(State.INVITED, State.ACTIVE, State.DORMANT),
    to=State.SUSPENDED,
    reasons=(Reason.FRAUD, Reason.TAKEOVER, Reason.LEGAL, Reason.DISPUTE),
)
# Who was invited when he was suspended is invited again: he has still not accepted.
REINSTATE = Move(
    code="reinstate", origins=(State.SUSPENDED,), to=State.ACTIVE, reasons=(Reason.CLEARED, Reason.MISTAKE)
)
# A suspended member can't leave by himself: what he is suspected of would leave with him. The bank can.
LEAVE = Move(
    code="leave", origins=(State.INVITED, State.ACTIVE, State.DORMANT), to=State.CLOSED, reasons=(Reason.WISH,)
)
CLOSE = Move(
    code="close",
    origins=(State.INVITED, State.ACTIVE, State.DORMANT, State.SUSPENDED),
    to=State.CLOSED,
    reasons=(Reason.WISH, Reason.DECEASED, Reason.BREACH, Reason.LEFT_BANK),
)
# The record that goes when two of one person become one, and as it comes back (members/merging.py).
MERGE = Move(
    code="merge", origins=(State.INVITED, State.ACTIVE, State.DORMANT), to=State.CLOSED, reasons=(Reason.MERGED,)
)
PART = Move(code="part", origins=(State.CLOSED,), to=State.ACTIVE, reasons=(Reason.PARTED,))
MOVES = (ACCEPT, DOZE, WAKE, SUSPEND, REINSTATE, LEAVE, CLOSE, MERGE, PART)
# Every way from a state to another that some move leads; the database knows no other (status_change_is_a_move).
WAYS = sorted(
    {(str(origin), str(move.to)) for move in MOVES for origin in move.origins}
    | {("suspended", "invited"), ("closed", "invited")}
)


class StatusChangeQuerySet(models.QuerySet["StatusChange"]):
    def by(self, day: datetime.date) -> Self:
        """Keep what had been moved by the end of the date `day`, the latest first."""
        return self.filter(changed_on__lte=day).order_by("-id")

    def after(self, day: datetime.date) -> Self:
        """Keep what was moved after the date `day`, the earliest first."""
        return self.filter(changed_on__gt=day).order_by("id")

    def lifted(self, *, business_date: datetime.date, first_member: int, last_member: int) -> Self:
        """Keep the suspensions of a range of members that ended in time for the close of `business_date`."""
        ended = self.filter(from_state=State.SUSPENDED, booked_on=business_date).exclude(to_state=State.CLOSED)
        return ended.filter(member_id__gte=first_member, member_id__lte=last_member)


class StatusChange(models.Model):
    """One move of one membership, written once: from which state to which, on which day, why, by whom."""

    member = models.ForeignKey(
        "members.Member",
        on_delete=models.PROTECT,
        related_name="status_changes",
        db_index=False,
        verbose_name=_("member"),
    )
    from_state = models.CharField(_("from"), max_length=10, choices=State)
    to_state = models.CharField(_("to"), max_length=10, choices=State)
    changed_on = models.DateField(_("on"))
    # The business date whose close is the first to find it; none where the bank has no open one yet.
    booked_on = models.DateField(_("booked on"), null=True)
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    note = models.CharField(_("note"), max_length=400, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("actor"),
    )

    objects = StatusChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("status change")
        verbose_name_plural = _("status changes")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    *(Q(from_state=from_state, to_state=to_state) for from_state, to_state in WAYS), _connector=Q.OR
                ),
                name="status_change_is_a_move",
            ),
            models.CheckConstraint(condition=Q(reason__in=Reason.values), name="status_change_reason_known"),
        ]
        indexes = [
            models.Index(fields=["member", "id"], name="status_change_by_member"),
            # Whom the night asks for what he did while he was suspended.
            models.Index(
                fields=["booked_on", "member"], condition=Q(from_state="suspended"), name="status_change_lifted"
            ),
        ]
