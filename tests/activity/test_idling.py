"""Who has long done nothing of his own falls asleep, told before; an activity of his own wakes him (docs/states.md)."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activity import idling
from foundation.jobs.models import Bank
from foundation.outbox.models import Obligation
from members.models import Member, StatusChange
from tests.campaigns.night import ACTOR
from tests.factories import FIRST_BUSINESS_DATE, ActivityFactory, BankFactory, MemberFactory, UserFactory
from tests.members.cast import known, sent

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
# Wang's last act, six months before he may fall asleep.
LAST = FIRST_BUSINESS_DATE
TOLD_ON, ASLEEP_ON = datetime.date(2026, 8, 3), datetime.date(2026, 9, 2)


@pytest.fixture(autouse=True)
def bank():
    BankFactory(dormant_after_months=6, dormancy_ignores=["interest"])


@pytest.fixture
def wang():
    """He did something on LAST for the last time; the bank's interest doesn't count."""
    wang = MemberFactory()
    ActivityFactory(member=wang, occurred_on=LAST)
    ActivityFactory(member=wang, occurred_on=LAST + 100 * DAY, kind="interest")
    return wang


def night(day: datetime.date, **members: int) -> dict[str, int]:
    members = members or {"first_member": 1, "last_member": 2**62}
    at = datetime.datetime.combine(day, datetime.time(18), datetime.UTC)
    return idling.settle(as_of=day, at=at, actor=ACTOR, **members)


def status_of(member: Member) -> str:
    return Member.objects.get(pk=member.pk).status


def test_he_is_told_thirty_days_before_once_and_falls_asleep_on_the_day(wang):
    days = [TOLD_ON + n * DAY for n in range(-2, 33)]

    counts = {day: found for day in days if (found := night(day))}

    assert counts == {TOLD_ON: {"notices": 1}, ASLEEP_ON: {"dormant": 1}}
    [change] = StatusChange.objects.all()
    assert (change.member_id, change.to_state, change.changed_on, change.reason) == (
        wang.pk,
        "dormant",
        ASLEEP_ON,
        "inactive",
    )
    assert night(ASLEEP_ON) == {}


def test_an_act_of_his_own_keeps_him_awake(wang):
    night(TOLD_ON)
    ActivityFactory(member=wang, occurred_on=TOLD_ON + DAY)

    assert [night(day) for day in (TOLD_ON + DAY, ASLEEP_ON, ASLEEP_ON + 60 * DAY)] == [{}, {}, {}]
    assert Member.objects.get(pk=wang.pk).last_act_on == TOLD_ON + DAY
    assert status_of(wang) == "active"


def test_a_sign_in_keeps_him_awake(wang):
    user = UserFactory(last_login=datetime.datetime.combine(TOLD_ON, datetime.time(4), datetime.UTC))
    Member.objects.filter(pk=wang.pk).update(user=user)

    assert night(TOLD_ON) == {}


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"status": "suspended"}, {}),
        ({"accepted_at": None}, {}),
        ({"joined_on": TOLD_ON}, {}),
    ],
)
def test_who_is_suspended_or_invited_or_new_is_left_alone(wang, change, counts):
    Member.objects.filter(pk=wang.pk).update(**change)

    assert night(TOLD_ON) == counts


def test_a_bank_without_the_setting_puts_nobody_to_sleep(wang):
    Bank.objects.update(dormant_after_months=None)

    assert night(ASLEEP_ON + 400 * DAY) == {}


def test_nobody_falls_asleep_untold_where_the_bank_begins_to_ask(wang):
    late = ASLEEP_ON + 200 * DAY

    assert [night(late + n * DAY) for n in (0, 29, 30)] == [{"notices": 1}, {}, {"dormant": 1}]


def test_an_activity_of_his_own_wakes_him_and_the_banks_does_not(wang):
    Member.objects.filter(pk=wang.pk).update(status="dormant")
    ActivityFactory(member=wang, occurred_on=ASLEEP_ON, kind="interest")
    asleep = night(ASLEEP_ON)
    ActivityFactory(member=wang, occurred_on=ASLEEP_ON + DAY)

    assert (asleep, night(ASLEEP_ON + DAY)) == ({}, {"woken": 1})
    assert status_of(wang) == "active"


def test_the_notice_says_until_when_in_his_language(monkeypatch):
    li = known(language="zh-hans")
    ActivityFactory(member=li, occurred_on=LAST)
    night(TOLD_ON)
    [owed] = Obligation.objects.all()

    [message] = sent(monkeypatch=monkeypatch)

    assert owed.key == f"dormancy_notice/{LAST}/{ASLEEP_ON}"
    assert "2026年9月2日" in message.text


def test_a_range_takes_its_own_members_and_constant_statements():
    few = [MemberFactory() for _ in range(2)]
    many = [MemberFactory() for _ in range(20)]
    for member in [*few, *many]:
        ActivityFactory(member=member, occurred_on=LAST)

    def count(members: list[Member], day: datetime.date) -> int:
        with CaptureQueriesContext(connection) as queries:
            counts = night(day, first_member=members[0].pk, last_member=members[-1].pk)
        assert sum(counts.values()) == len(members)
        return len(queries)

    assert count(few, TOLD_ON) == count(many, TOLD_ON)
    assert count(few, ASLEEP_ON) == count(many, ASLEEP_ON)
    assert Member.objects.filter(status="dormant").count() == 22
