"""What stands against the erasure of a member, and until when: each barrier in one sentence that he reads himself."""

import dataclasses
import datetime
from collections.abc import Iterator

from django.db.models import Max, Q, Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from foundation.approvals.models import Request, Target
from foundation.money import number
from foundation.outbox.models import Obligation
from foundation.periods import add_months
from members.models import Account, Member
from points import transferring
from points.models import Freeze, Lot, PointCurrency, Purse
from privacy.keeping import LegalHold, RetentionTerm

ACCOUNTS = "accounts"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Barrier:
    """One reason why a member can't be erased: a stable code, a sentence, and the day from which it no longer stands, if that is known."""

    code: str
    sentence: str
    possible_on: datetime.date | None = None


def standing(member: Member, *, today: datetime.date, gives_up_points: bool = False) -> list[Barrier]:
    """Return every barrier that stands on the date `today`; none where the member can be erased at once. Eight statements."""
    return [
        *_accounts(member, today),
        *_points(member, today, gives_up_points),
        *_open_business(member),
        *_holds(member, today),
        *_duty(member, today),
    ]


def duty_until(member: Member) -> datetime.date | None:
    """Return the day from which no law asks the bank to keep who held the member's accounts; None where he never had one."""
    last = Account.objects.filter(member=member).aggregate(last=Max("closed_on"))["last"]
    months = RetentionTerm.objects.values_list("months", flat=True).get(data_class=ACCOUNTS)
    return add_months(last, months) if last and months else None


def _accounts(member: Member, today: datetime.date) -> Iterator[Barrier]:
    still_open = Account.objects.filter(Q(closed_on=None) | Q(closed_on__gt=today), member=member).count()
    if still_open:
        said = _("Accounts are open at the bank: %(count)s. Close them first.")
        yield Barrier(code="account_open", sentence=said % {"count": number(still_open)})


def _points(member: Member, today: datetime.date, gives_up_points: bool) -> Iterator[Barrier]:
    reward = PointCurrency.objects.filter(kind=PointCurrency.Kind.REWARD).values("pk")
    purses = Purse.objects.filter(member_id=member.pk, currency_id__in=reward)
    sums = purses.aggregate(available=Sum("available"), pending=Sum("pending"), held=Sum("held"))
    if sums["held"]:
        said = _("%(points)s points are held for a partner. Wait until they are used or given back.")
        yield Barrier(code="points_held", sentence=said % {"points": number(sums["held"])})
    if sums["pending"]:
        coming = Lot.objects.filter(member_id=member.pk, remaining__gt=0, available_on__gt=today)
        last = coming.aggregate(last=Max("available_on"))["last"]
        said = _("%(points)s points are on their way. Wait until they have arrived.")
        following = last + datetime.timedelta(days=1) if last else None
        yield Barrier(code="points_pending", sentence=said % {"points": number(sums["pending"])}, possible_on=following)
    if sums["available"] and not gives_up_points:
        said = _("%(points)s points are left. Use them, or give them up.")
        yield Barrier(code="points_left", sentence=said % {"points": number(sums["available"])})
    if Freeze.objects.standing(member_id=member.pk).exists():
        yield Barrier(code="points_frozen", sentence=_("Points are frozen. Ask at your branch."))


def _open_business(member: Member) -> Iterator[Barrier]:
    """Yield what others are still deciding about him, and points that are on their way; what is only a message is no business."""
    if member.status == Member.Status.SUSPENDED:
        yield Barrier(code="suspended", sentence=_("The membership is suspended. Ask at your branch."))
    about = Q(subject=f"member/{member.pk}")
    for thing in ("purse", "standing"):
        about |= Q(subject__startswith=f"{thing}/{member.pk}/")
    if Target.objects.filter(about, request__status=Request.Status.PENDING).exclude(request__kind=ERASE).exists():
        yield Barrier(code="request_open", sentence=_("A request about this membership waits for a decision."))
    if Obligation.objects.open().filter(member_id=member.pk, topic__in=TRANSFERS).exists():
        yield Barrier(code="transfer_open", sentence=_("A transfer is on its way. Wait until it has arrived."))


def _holds(member: Member, today: datetime.date) -> Iterator[Barrier]:
    held = LegalHold.objects.on(today).of_member(member.pk)
    if held.exists():
        # Why, and until when, is for compliance to tell.
        yield Barrier(
            code="legal_hold", sentence=_("The law asks the bank to keep these data for now. Ask at your branch.")
        )


def _duty(member: Member, today: datetime.date) -> Iterator[Barrier]:
    until = duty_until(member)
    if until and until > today:
        said = _("The law asks the bank to keep who held an account until %(date)s.")
        yield Barrier(
            code="retention_duty", sentence=said % {"date": date_format(until, "DATE_FORMAT")}, possible_on=until
        )


# The kind of request that is no business of others: the erasure itself; and what is owed to him that moves points.
ERASE = "privacy.erase"
TRANSFERS = (transferring.CREDIT, transferring.CREDIT_BACK)
