"""Pooling: redeeming the points of one's head of family, within what he grants a month. The payer's purse is the only one touched."""

import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.periods import day_of
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import families, spending
from members.models import FamilyMembership, Member
from points import redeeming
from points.models import PointCurrency, PoolGrant, PoolMonth
from points.redeeming import Redeemed

MOST_POINTS = 10**12


class NoPool(Refusal):
    code = "no_pool"
    sentence = _("Nobody shares points with you.")


class PoolLimitExceeded(Refusal):
    code = "pool_limit_exceeded"
    sentence = _("This is more than is left of what you may spend this month.")


class LimitOutOfRange(Refusal):
    code = "limit_out_of_range"
    status = 422
    sentence = _("The limit is a whole number of points, 0 to 1,000,000,000,000.")


class NotPoolable(Refusal):
    code = "not_poolable"
    status = 422
    sentence = _("Only points that can be spent can be shared.")


@in_transaction
def grant(
    *,
    head_member_id: int,
    membership_id: int,
    currency_id: int,
    points_per_month: int,
    at: datetime.datetime,
    actor: Actor,
) -> PoolGrant:
    """Let a member of one's family spend so many of one's points each calendar month; 0 takes the right back.

    It holds for what is spent from now on. Refuses family_pool_off, not_head_of_family, no_such_family_member,
    limit_out_of_range, not_poolable.
    """
    families.refuse_where_off()
    if not 0 <= points_per_month <= MOST_POINTS:
        raise LimitOutOfRange(field="points_per_month")
    place = families.in_family_of(head_member_id, membership_id)
    if place.member_id is None:
        raise families.NoSuchFamilyMember
    if not PointCurrency.objects.filter(pk=currency_id, kind=PointCurrency.Kind.REWARD).exists():
        raise NotPoolable
    given, _is_new = PoolGrant.objects.update_or_create(
        membership=place, currency_id=currency_id, defaults={"points_per_month": points_per_month}
    )
    record(
        verb="pool.grant",
        actor=actor,
        subject_kind="member",
        subject_id=head_member_id,
        at=at,
        new={"to_member": place.member_id, "currency": currency_id, "points_per_month": points_per_month},
    )
    return given


@in_transaction
def redeem(
    *,
    member_id: int,
    currency_id: int,
    points: int,
    caller: str,
    reference: str,
    purpose: str,
    at: datetime.datetime,
    actor: Actor,
) -> Redeemed:
    """Redeem points of the head of the member's family at the instant `at`, and use up his right of the month of its day.

    The same wish again answers as the first and uses nothing up. Refuses family_pool_off, no_pool, pool_limit_exceeded, what
    redeeming.redeem refuses of the head's purse, and what keeps the member himself from spending.
    """
    families.refuse_where_off()
    # Locked, so that nobody is removed from the family half-way; members come before purses.
    place = _places(member_id).select_for_update().first()
    if place is None:
        raise NoPool
    spending.refuse_kept(member_id=member_id)
    payer = Member.objects.get(
        families__family=place.family_id, families__role=FamilyMembership.Role.HEAD, families__left_at=None
    )
    redeemed = redeeming.redeem(
        member_id=payer.pk,
        currency_id=currency_id,
        points=points,
        caller=caller,
        reference=reference,
        purpose=purpose,
        at=at,
        actor=actor,
        for_member_id=member_id,
    )
    if redeemed.came_before:
        return redeemed
    arguments: dict[str, Any] = {
        "membership": place.pk,
        "currency": currency_id,
        "month": day_of(at).replace(day=1),
        "points": points,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("points", "use_pool"), arguments)
        if cursor.rowcount != 1:
            raise PoolLimitExceeded(field="points")
    return redeemed


def left(*, member_id: int, currency_id: int, today: datetime.date) -> int:
    """Return how many of the head's points the member may still redeem this month; 0 without a right to."""
    if not families.is_on():
        return 0
    place = _places(member_id).first()
    grant = place and PoolGrant.objects.filter(membership=place, currency_id=currency_id).first()
    if not grant:
        return 0
    months = PoolMonth.objects.filter(membership=place, currency_id=currency_id, month=today.replace(day=1))
    return max(grant.points_per_month - (months.values_list("points_used", flat=True).first() or 0), 0)


def _places(member_id: int) -> QuerySet[FamilyMembership]:
    """Return the member's place in a family of another's, if he has one."""
    return FamilyMembership.objects.accepted().filter(member_id=member_id, role=FamilyMembership.Role.MEMBER)
