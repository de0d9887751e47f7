"""Merges as requests: what is asked for, what it rests on, and its words for the checker (docs/merging.md)."""

import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from foundation.access import visibility
from foundation.access.models import Branch, User
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload
from foundation.approvals.models import Request
from foundation.money import number
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import merging as records
from members.models import Member, Merge
from membership_site import merge_states, merging

MERGE, UNDO = "members.merge", "members.undo_merge"
MAY_REQUEST, MAY_DECIDE = "members.request_merge", "members.decide_merge"


class NoCommonBranch(Refusal):
    code = "no_common_branch"
    sentence = gettext_lazy("The two records belong to branches that nobody leads together; move one of them first.")


@in_transaction
def ask(*, id: UUID, kept: Member, gone: Member, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask to merge the record `gone` into `kept`, in the branch that both lie under.

    Refuses what merging.refuse_unfit refuses, own_record, no_common_branch, and what requesting.request refuses.
    """
    records.refuse_unfit(kept=kept, gone=gone)
    payload = {"kept": kept.pk, "gone": gone.pk, "kept_number": kept.number, "gone_number": gone.number}
    _refuse_own(payload, actor)
    # Both ways round are one question.
    key = "/".join(map(str, sorted([kept.pk, gone.pk])))
    turn = Merge.objects.filter(kept__in=[kept, gone], gone__in=[kept, gone]).count()
    return requesting.request(
        id=id,
        kind=MERGE,
        payload=payload,
        branch=_branch_above(kept, gone),
        reason=reason,
        content_key=f"{key}/{turn}",
        actor=actor,
        at=at,
    )


@in_transaction
def ask_to_undo(*, id: UUID, merge: Merge, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask to part two merged records again. Refuses what merging.refuse_late refuses, own_record, and as requesting.request."""
    kept, gone = merge.kept, merge.gone
    records.refuse_late(merge, kept=kept, days=settings.MERGE_UNDO_DAYS, as_of=requesting.day_of(at))
    payload = {
        "merge": merge.pk,
        "kept": kept.pk,
        "gone": gone.pk,
        "kept_number": kept.number,
        "gone_number": gone.number,
    }
    _refuse_own(payload, actor)
    return requesting.request(
        id=id,
        kind=UNDO,
        payload=payload,
        branch=_branch_above(kept, gone),
        reason=reason,
        content_key=f"undo/{merge.pk}",
        actor=actor,
        at=at,
    )


def _refuse_own(payload: Payload, actor: Actor) -> None:
    if actor.user and credits(payload, actor.user):
        raise records.OwnRecord


def _branch_above(*members: Member) -> Branch:
    """Return the lowest branch that the members' branches all lie at or under; refuses no_common_branch."""
    paths = [member.branch.path for member in members]
    above = [branch for branch in Branch.objects.all() if all(path.startswith(branch.path) for path in paths)]
    if not above:
        raise NoCommonBranch
    return max(above, key=lambda branch: len(branch.path))


def targets(payload: Payload) -> list[Aim]:
    """Return the two records as they stand: whatever moves on one of them makes the request stale."""
    versions = merge_states.versions_of([payload["kept"], payload["gone"]])
    return [Aim(subject=subject, version=version) for subject, version in versions.items()]


def credits(payload: Payload, user: User) -> bool:
    """Tell whether one of the records is this user's own, by any account, or of somebody who lives with him."""
    return Member.objects.close_to_employee(user).filter(pk__in=[payload["kept"], payload["gone"]]).exists()


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return a merge's words: what each record has now and would have, side by side."""
    kept, gone = _states(payload, user, as_of)
    may_open = user.has_perm(visibility.SEE_MEMBERS)
    url = reverse("admin:members_member_change", args=[payload["kept"]]) if may_open else ""
    changes = [
        Change(
            target=payload["kept_number"],
            url=url,
            what=str(currency),
            before=number(before),
            after=number(after),
            note=_("with what %(number)s has, each lot with its dates") % {"number": payload["gone_number"]},
        )
        for currency, before, after in merge_states.points_after(kept, gone)
    ]
    words = {"gone": payload["gone_number"], "kept": payload["kept_number"]}
    return Description(
        sentence=_("Merge the record %(gone)s into %(kept)s: one person, one record.") % words,
        impact=_("lots %(lots)s · accounts %(accounts)s; the record %(gone)s is closed")
        % {**words, "lots": number(gone.lots_open), "accounts": number(gone.accounts)},
        changes=[*changes, _pointer(payload, may_open)],
        fixed=True,
    )


def _states(payload: Payload, user: User, as_of: datetime.date) -> tuple[merge_states.State, merge_states.State]:
    members = Member.objects.select_related("branch", "person").in_bulk([payload["kept"], payload["gone"]])
    return (
        merge_states.state_of(members[payload["kept"]], today=as_of),
        merge_states.state_of(members[payload["gone"]], today=as_of),
    )


def _pointer(payload: Payload, may_open: bool) -> Change:
    return Change(
        target=payload["gone_number"],
        url=reverse("admin:members_member_change", args=[payload["gone"]]) if may_open else "",
        what=_("record"),
        before=_("open"),
        after=_("closed, leads to %(number)s") % {"number": payload["kept_number"]},
    )


def describe_undo(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the words of undoing a merge."""
    merge = Merge.objects.get(pk=payload["merge"])
    may_open = user.has_perm(visibility.SEE_MEMBERS)
    words = {"gone": payload["gone_number"], "kept": payload["kept_number"], "date": date_format(merge.booked_on)}
    return Description(
        sentence=_("Undo the merge of %(date)s: part the records %(gone)s and %(kept)s again.") % words,
        impact=_("what is left of what moved goes back; what was spent meanwhile stays spent"),
        changes=[
            Change(
                target=payload["gone_number"],
                url=reverse("admin:members_member_change", args=[payload["gone"]]) if may_open else "",
                what=_("record"),
                before=_("closed, leads to %(number)s") % {"number": payload["kept_number"]},
                after=_("open"),
            )
        ],
        fixed=True,
    )


def _no_worth(payload: Payload) -> int | None:
    return None


def _kind(code: str, label: Any, verb: Any, words: Any) -> Kind:
    return Kind(
        code=code,
        label=label,
        verb=verb,
        describe=words,
        targets=targets,
        worth=_no_worth,
        credits=credits,
        permission_to_request=MAY_REQUEST,
        permission_to_decide=MAY_DECIDE,
    )


KINDS = (
    _kind(MERGE, gettext_lazy("Merge two records"), merging.merge, describe),
    _kind(UNDO, gettext_lazy("Undo a merge"), merging.undo, describe_undo),
)
