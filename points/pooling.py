"""Pooling: spending the points of one's head of family, within what he grants a month. The payer's purse is the only one touched."""

import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import families
from members.models import FamilyMembership, Member
from points import ledger
from points.ledger import Answer, Posting
from points.models import Kind, PointCurrency, PoolGrant
from points.transferring import REFUSED, NothingToTransfer

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
def spend(
    *,
    member_id: int,
    currency_id: int,
    points: int,
    key: UUID,
    cause: str,
    occurred_on: datetime.date,
    at: datetime.datetime,
    actor: Actor,
) -> Answer:
    """Spend points of the head of the member's family; return what the head's purse answered, booked as a redemption.

    The same key again answers as the first and uses nothing up. The month is that of `occurred_on`. Refuses family_pool_off,
    no_pool, pool_limit_exceeded, points_not_positive, insufficient_points, frozen, unknown_purse, key_used_otherwise.
    """
    families.refuse_where_off()
    if points <= 0:
        raise NothingToTransfer(field="points")
    # Locked, so that nobody is removed from the family half-way; members come before purses.
    places = FamilyMembership.objects.accepted().filter(member_id=member_id, role=FamilyMembership.Role.MEMBER)
    place = places.select_for_update().first()
    if place is None:
        raise NoPool
    payer = Member.objects.get(
        families__family=place.family_id, families__role=FamilyMembership.Role.HEAD, families__left_at=None
    )
    debit = Posting(
        member_id=payer.pk,
        currency_id=currency_id,
        key=key,
        kind=Kind.REDEEM,
        points=-points,
        occurred_on=occurred_on,
        cause=cause,
        figures={"for_member": member_id, "family": place.family_id},
    )
    [answer] = ledger.post([debit], actor=actor)
    if answer.outcome == "duplicate":
        return answer
    if answer.number is None:
        raise REFUSED[answer.outcome]
    arguments: dict[str, Any] = {
        "membership": place.pk,
        "currency": currency_id,
        "month": occurred_on.replace(day=1),
        "points": points,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("points", "use_pool"), arguments)
        if cursor.rowcount != 1:
            raise PoolLimitExceeded
    record(
        verb="pool.spend",
        actor=actor,
        subject_kind="member",
        subject_id=member_id,
        at=at,
        new={"payer": payer.pk, "points": points, "entry": answer.number},
    )
    return answer
