"""Inviting: who was loaded by the bank is told once that he collects points and how to join; asked again within limits."""

import datetime

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import Change, record_each
from foundation.messaging.sending import TOPIC
from foundation.outbox.models import Obligation
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import preferring
from members.models import Consent, Member, MemberQuerySet
from members.preferences import Topic

INVITATION = "invitation"
MAY_INVITE = "members.invite_member"
# How often a member is invited in all, and how long he is left in peace in between.
MOST_TIMES = 3
BETWEEN = datetime.timedelta(days=7)
# So many are invited by one request.
AT_ONCE = 5_000


class NotInvited(Refusal):
    code = "not_invited"
    sentence = _("Only who was loaded by the bank and has not joined yet is invited.")


class NotWanted(Refusal):
    code = "invitation_not_wanted"
    sentence = _("This member has said no; he is not invited again.")


class InvitedLately(Refusal):
    code = "invited_lately"
    sentence = _("The last invitation is not a week old.")


class InvitedOften(Refusal):
    code = "invited_often"
    sentence = _("This member was invited %(most)s times; that is enough.")


def invitable(members: MemberQuerySet) -> MemberQuerySet:
    """Keep the invited members who have never said no to anything; a message goes to those of them with a contact."""
    said_no = Consent.objects.filter(member=OuterRef("pk"), given=False)
    return members.invited().filter(~Exists(said_no))


def never_invited(members: MemberQuerySet) -> MemberQuerySet:
    """Keep of the members to invite those with a person's data who have had no invitation yet."""
    sent = Obligation.objects.filter(member_id=OuterRef("pk"), topic=TOPIC, key=f"{INVITATION}/1")
    return invitable(members).filter(~Exists(sent), person__wrapped_key__isnull=False)


@in_transaction
def invite(members: MemberQuerySet, *, at: datetime.datetime, actor: Actor) -> int:
    """Invite those of the members who have had no invitation yet, AT_ONCE at most, by id; return how many.

    One audit event a member. Constant statements, however many.
    """
    chosen = list(never_invited(members).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if not chosen:
        return 0
    keys = dict.fromkeys(chosen, f"{INVITATION}/1")
    made = preferring.owe(kind=INVITATION, keys=keys, topic=Topic.MEMBERSHIP, at=at)
    _leave_trail(keys, at=at, actor=actor)
    return made


@in_transaction
def invite_again(*, member: Member, at: datetime.datetime, actor: Actor) -> int:
    """Invite one member, again where he was invited before; return how often he has been, this time included.

    Refuses not_invited, invitation_not_wanted, invited_lately, invited_often.
    """
    # Locked, so that two clerks at once invite once.
    Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    if not Member.objects.invited().filter(pk=member.pk).exists():
        raise NotInvited
    if not invitable(Member.objects.filter(pk=member.pk)).exists():
        raise NotWanted
    sent = Obligation.objects.filter(member_id=member.pk, topic=TOPIC, key__startswith=f"{INVITATION}/")
    before = list(sent.order_by("recorded_at").values_list("recorded_at", flat=True))
    if len(before) >= MOST_TIMES:
        raise InvitedOften(most=MOST_TIMES)
    if before and before[-1] > at - BETWEEN:
        raise InvitedLately
    keys = {member.pk: f"{INVITATION}/{len(before) + 1}"}
    preferring.owe(kind=INVITATION, keys=keys, topic=Topic.MEMBERSHIP, at=at)
    _leave_trail(keys, at=at, actor=actor)
    return len(before) + 1


def _leave_trail(keys: dict[int, str], *, at: datetime.datetime, actor: Actor) -> None:
    changes = [Change(subject_id=member_id, new={"message": key}) for member_id, key in keys.items()]
    record_each(verb="inviting.invite", actor=actor, subject_kind="member", changes=changes, at=at)
