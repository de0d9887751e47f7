"""The family pool: a right to spend the head's points, so many a month; it touches the head's purse and no other."""

import datetime
import uuid

import pytest
from django.db import IntegrityError, transaction

from foundation.audit.models import AuditEvent
from foundation.jobs.models import Bank
from members import families
from members.models import FamilyMembership
from points import pooling, transferring
from points.models import Entry, Kind, PoolGrant, PoolMonth, Purse
from tests.factories import MemberFactory, PointCurrencyFactory
from tests.points.cast import CLERK, MONDAY, asked, books_ok, open_bank, post, purse_of

pytestmark = pytest.mark.django_db
AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
APRIL = datetime.date(2026, 4, 1)
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
    details = {"key": uuid.uuid4(), "cause": "shop/1", "occurred_on": MONDAY} | more
    with transaction.atomic():
        return pooling.spend(member_id=member.pk, currency_id=points.pk, points=amount, **details, **TRAIL)


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

    answer = spend(li, points, 60)

    assert (answer.outcome, answer.balance_after) == ("posted", 440)
    assert purse_of(wang, points) == {"available": 440, "credited": 500, "debited": 60, "entries": 2}
    assert not Purse.objects.filter(member_id=li.pk).exists()
    entry = Entry.objects.get(member_id=wang.pk, number=2)
    assert (entry.kind, entry.cause, entry.figures["for_member"]) == (Kind.REDEEM, "shop/1", li.pk)
    assert used(place) == 60
    assert AuditEvent.objects.get(verb="pool.spend").new == {"payer": wang.pk, "points": 60, "entry": 2}
    assert books_ok()


def test_the_limit_holds_for_the_month_and_begins_anew(family):
    wang, li, points, place = family
    spend(li, points, 60)

    with pytest.raises(pooling.PoolLimitExceeded):
        spend(li, points, 41)
    spend(li, points, 40)
    with pytest.raises(pooling.PoolLimitExceeded):
        spend(li, points, 1)
    spend(li, points, 100, occurred_on=APRIL)

    assert (used(place), used(place, APRIL)) == (100, 100)
    assert purse_of(wang, points)["available"] == 300


def test_the_same_key_again_uses_nothing_up(family):
    wang, li, points, place = family
    key = uuid.uuid4()
    first = spend(li, points, 60, key=key)

    again = spend(li, points, 60, key=key)

    assert (again.outcome, again.number) == ("duplicate", first.number)
    assert (used(place), purse_of(wang, points)["available"]) == (60, 440)
    with pytest.raises(transferring.KeyUsedOtherwise):
        spend(li, points, 61, key=key)


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
        spend(li, points, 1, occurred_on=APRIL)

    assert used(place) == 70
    assert PoolGrant.objects.count() == 1
    assert AuditEvent.objects.filter(verb="pool.grant").count() == 4


def test_what_the_head_has_not_got_can_t_be_spent_and_uses_nothing_up(family):
    wang, li, points, place = family
    post(asked(wang, points, -450))

    with pytest.raises(transferring.InsufficientPoints):
        spend(li, points, 60)

    assert (used(place), purse_of(wang, points)["available"]) == (0, 50)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_or_less_can_t_be_spent(family, amount):
    _wang, li, points, place = family

    with pytest.raises(transferring.NothingToTransfer):
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


def test_the_database_itself_keeps_a_month_within_its_limit(family):
    _wang, li, points, place = family
    spend(li, points, 60)

    with pytest.raises(IntegrityError, match="pool_month_within_its_limit"), transaction.atomic():
        PoolMonth.objects.filter(membership=place).update(points_used=101)
