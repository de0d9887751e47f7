"""The family pool: a right to spend the head's points, so many a month; it touches the head's purse and no other."""

import datetime
import uuid

import pytest
from django.db import IntegrityError, transaction

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs.models import Bank
from members import families
from members.models import FamilyMembership
from points import freezing, pooling, redeeming, restoring
from points.ledger import PointsOutOfRange
from points.models import Entry, Kind, PoolGrant, PoolMonth, Purse
from tests.factories import MemberFactory, PointCurrencyFactory, StaffFactory
from tests.points.cast import CLERK, MONDAY, asked, books_ok, open_bank, post, purse_of, redeem

pytestmark = pytest.mark.django_db
AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
APRIL = datetime.date(2026, 4, 1)
IN_APRIL = AT.replace(month=4)
TRAIL = {"at": AT, "actor": CLERK}


def join(head, member):
    """Bring a member into the head's family; return his place."""
    families.invite(member_id=head.pk, number=member.number, **TRAIL)
    invitation = FamilyMembership.objects.inviting(member.number).get()
    families.accept(membership_id=invitation.pk, member_id=member.pk, **TRAIL)
    return invitation.pk


def allow(head, place, points, limit):
    with transaction.atomic():
        pooling.grant(
            head_member_id=head.pk, membership_id=place, currency_id=points.pk, points_per_month=limit, **TRAIL
        )


def spend(member, points, amount, **more):
    details = {"caller": "client 1", "reference": uuid.uuid4().hex, "purpose": "shoes"} | TRAIL | more
    with transaction.atomic():
        return pooling.redeem(member_id=member.pk, currency_id=points.pk, points=amount, **details)


def used(place, month=MONDAY):
    row = PoolMonth.objects.filter(membership=place, month=month.replace(day=1)).first()
    return row.points_used if row else 0


@pytest.fixture
def family():
    """Wang, the head, with 500 points; Li, in his family, who may spend 100 a month; the currency; Li's place."""
    wang, points = open_bank()
    Bank.objects.update(family_pool=True)
    li = MemberFactory(branch=wang.branch)
    post(asked(wang, points, 500))
    place = join(wang, li)
    allow(wang, place, points, 100)
    return wang, li, points, place


def test_what_a_member_spends_leaves_the_head_s_purse(family):
    wang, li, points, place = family

    made = spend(li, points, 60, actor=Actor(user=StaffFactory())).redemption

    assert (made.member_id, made.for_member_id, made.points, made.state) == (wang.pk, li.pk, 60, "done")
    assert purse_of(wang, points) == {"available": 440, "credited": 500, "debited": 60, "entries": 2}
    assert not Purse.objects.filter(member_id=li.pk).exists()
    entry = Entry.objects.get(member_id=wang.pk, number=2)
    assert (entry.kind, entry.cause, entry.figures) == (Kind.REDEEM, made.cause, {"for_member": li.pk})
    assert used(place) == 60
    told = {"member": wang.pk, "points": 60, "purpose": "shoes", "for_member": li.pk}
    assert AuditEvent.objects.get(verb="points.redeem").new == told
    assert books_ok()


def test_the_limit_holds_for_the_month_and_begins_anew(family):
    wang, li, points, place = family
    spend(li, points, 60)

    with pytest.raises(pooling.PoolLimitExceeded):
        spend(li, points, 41)
    spend(li, points, 40)
    with pytest.raises(pooling.PoolLimitExceeded):
        spend(li, points, 1)
    spend(li, points, 100, at=IN_APRIL)

    assert (used(place), used(place, APRIL)) == (100, 100)
    assert purse_of(wang, points)["available"] == 300


def test_the_same_reference_again_uses_nothing_up(family):
    wang, li, points, place = family
    first = spend(li, points, 60, reference="shoes-1")

    again = spend(li, points, 60, reference="shoes-1")

    assert (again.came_before, again.redemption.pk) == (True, first.redemption.pk)
    assert (used(place), purse_of(wang, points)["available"]) == (60, 440)
    with pytest.raises(redeeming.ReferenceReused):
        spend(li, points, 61, reference="shoes-1")
    # The head's own references, and another's of the family, are not his.
    assert not redeem(wang, points, 60, reference="shoes-1").came_before


def test_what_was_bought_goes_back_to_the_head_and_reopens_no_limit(family):
    wang, li, points, place = family
    made = spend(li, points, 60).redemption

    restoring.cancel(redemption=made, **TRAIL)

    assert (purse_of(wang, points)["available"], used(place)) == (500, 60)
    assert books_ok()


def test_a_frozen_head_pays_nothing(family):
    wang, li, points, place = family
    freezing.freeze(member=wang, currency=points, reason="phone lost", **TRAIL)

    with pytest.raises(redeeming.PurseFrozen):
        spend(li, points, 1)

    assert used(place) == 0


def test_a_lowered_limit_holds_at_once_and_a_raised_one_too(family):
    wang, li, points, place = family
    spend(li, points, 60)

    allow(wang, place, points, 50)
    with pytest.raises(pooling.PoolLimitExceeded):
        spend(li, points, 1)
    allow(wang, place, points, 70)
    spend(li, points, 10)
    allow(wang, place, points, 0)
    with pytest.raises(pooling.PoolLimitExceeded):
        spend(li, points, 1, at=IN_APRIL)

    assert used(place) == 70
    assert PoolGrant.objects.count() == 1
    assert AuditEvent.objects.filter(verb="pool.grant").count() == 4


def test_what_the_head_has_not_got_can_t_be_spent_and_uses_nothing_up(family):
    wang, li, points, place = family
    post(asked(wang, points, -450))

    with pytest.raises(redeeming.InsufficientPoints):
        spend(li, points, 60)

    assert (used(place), purse_of(wang, points)["available"]) == (0, 50)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_or_less_can_t_be_spent(family, amount):
    _wang, li, points, place = family

    with pytest.raises(PointsOutOfRange):
        spend(li, points, amount)

    assert used(place) == 0


def test_who_has_left_or_was_never_in_spends_nothing(family):
    wang, li, points, _place = family
    stranger = MemberFactory(branch=wang.branch)
    families.invite(member_id=wang.pk, number=stranger.number, **TRAIL)

    for member in (stranger, wang):
        with pytest.raises(pooling.NoPool):
            spend(member, points, 1)
    families.leave(member_id=li.pk, **TRAIL)
    with pytest.raises(pooling.NoPool):
        spend(li, points, 1)

    assert purse_of(wang, points)["available"] == 500


def test_who_comes_back_begins_without_a_right(family):
    wang, li, points, place = family
    families.remove(head_member_id=wang.pk, membership_id=place, **TRAIL)
    join(wang, li)

    with pytest.raises(pooling.PoolLimitExceeded):
        spend(li, points, 1)


@pytest.mark.parametrize(
    ("limit", "currency", "refusal"),
    [
        (-1, "points", pooling.LimitOutOfRange),
        (10**12 + 1, "points", pooling.LimitOutOfRange),
        (2**70, "points", pooling.LimitOutOfRange),
        (10, "growth", pooling.NotPoolable),
    ],
)
def test_a_right_out_of_range_is_refused(family, limit, currency, refusal):
    wang, _li, points, place = family
    currencies = {"points": points, "growth": PointCurrencyFactory(growth=True)}

    with pytest.raises(refusal):
        allow(wang, place, currencies[currency], limit)

    assert PoolGrant.objects.get().points_per_month == 100


def test_only_the_head_grants_and_only_in_his_own_family(family):
    wang, li, points, place = family
    other = MemberFactory(branch=wang.branch)
    families.invite(member_id=other.pk, number=MemberFactory().number, **TRAIL)

    with pytest.raises(families.NotHead):
        allow(li, place, points, 10**6)
    with pytest.raises(families.NoSuchFamilyMember):
        allow(other, place, points, 10**6)

    assert PoolGrant.objects.get().points_per_month == 100


def test_where_the_bank_has_no_pool_nobody_spends(family):
    wang, li, points, _place = family
    Bank.objects.update(family_pool=False)

    with pytest.raises(families.FamilyPoolOff):
        spend(li, points, 1)

    assert purse_of(wang, points)["available"] == 500


def test_what_is_left_is_read_without_a_right_as_nothing(family):
    wang, li, points, place = family
    spend(li, points, 60)

    def left(member, today=MONDAY):
        return pooling.left(member_id=member.pk, currency_id=points.pk, today=today)

    assert (left(li), left(li, APRIL), left(wang), left(MemberFactory())) == (40, 100, 0, 0)
    allow(wang, place, points, 50)
    assert left(li) == 0
    Bank.objects.update(family_pool=False)
    assert left(li, APRIL) == 0


def test_the_database_itself_keeps_a_month_within_its_limit(family):
    _wang, li, points, place = family
    spend(li, points, 60)

    with pytest.raises(IntegrityError, match="pool_month_within_its_limit"), transaction.atomic():
        PoolMonth.objects.filter(membership=place).update(points_used=101)
