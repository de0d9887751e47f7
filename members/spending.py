"""What keeps a member from spending, in the words that the ledger answers and in the sentences that people read."""

from django.utils.translation import gettext_lazy as _

from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member
from members.states import GATES


class NotAccepted(Refusal):
    code = "not_accepted"
    sentence = _("Points can be used once the membership has been accepted; until then they are collected.")


class MembershipDormant(Refusal):
    code = "membership_dormant"
    sentence = _(
        "This membership is asleep: points can be used again once the member has signed in or come to the counter."
    )


class MembershipSuspended(Refusal):
    code = "membership_suspended"
    sentence = _("This membership is suspended; its points can't be used for now. Please ask your branch.")


class CoolingOff(Refusal):
    code = "cooling_off"
    sentence = _(
        "The contact of this membership has just changed: for its protection no points can be used for some days. "
        "A branch can lift this at once."
    )


REFUSED: dict[str, type[Refusal]] = {
    "invited": NotAccepted,
    "dormant": MembershipDormant,
    "suspended": MembershipSuspended,
    "cooling_off": CoolingOff,
}


def kept_by(member: Member) -> str:
    """Return what keeps a member from spending, in the ledger's word (a key of REFUSED, or closed); empty where nothing does."""
    if not GATES[member.state].spends:
        return member.state
    return "cooling_off" if member.cools_off_until else ""


def sentence_of(member: Member) -> str:
    """Return in a sentence what keeps a member from spending; empty where nothing does."""
    refusal = REFUSED.get(kept_by(member))
    return str(refusal.sentence) if refusal else ""


@in_transaction
def refuse_kept(*, member_id: int) -> None:
    """Refuse, as his own purse would, what a member spends of another's; he can't be moved until the transaction ends."""
    word = kept_by(Member.objects.select_for_update(no_key=True).get(pk=member_id))
    if word in REFUSED:
        raise REFUSED[word]
