"""What a member prefers, and that messages ask it: quiet hours, ways, language; security passes all of it."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.outbox.models import Obligation
from foundation.refusals import Refusal
from members import inviting, preferring, verifying
from members.models import Consent, Member, Preference
from members.preferences import CELLS, Topic, Way
from tests.factories import BankFactory, ConsentTextFactory, MemberFactory, StaffFactory, UserFactory
from tests.members.cast import LI, NOON, TODAY, known, other, sent

pytestmark = pytest.mark.django_db
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def mei() -> Member:
    BankFactory(business_date=TODAY)
    return MemberFactory(user=UserFactory())


def change(member: Member, **wishes):
    with transaction.atomic():
        return preferring.change(member=member, at=NOON, actor=Actor(user=member.user), **wishes)


def clock(text: str) -> datetime.time:
    return datetime.time.fromisoformat(text)


@pytest.mark.parametrize(
    ("begin", "end", "at", "after"),
    [
        ("21:00", "09:00", "2026-03-02 12:00", "2026-03-02 12:00"),
        ("21:00", "09:00", "2026-03-02 20:59", "2026-03-02 20:59"),
        ("21:00", "09:00", "2026-03-02 21:00", "2026-03-03 09:00"),
        ("21:00", "09:00", "2026-03-02 23:59", "2026-03-03 09:00"),
        ("21:00", "09:00", "2026-03-02 00:00", "2026-03-02 09:00"),
        ("21:00", "09:00", "2026-03-02 08:59", "2026-03-02 09:00"),
        ("21:00", "09:00", "2026-03-02 09:00", "2026-03-02 09:00"),
        ("21:00", "09:00", "2026-12-31 22:00", "2027-01-01 09:00"),
        ("12:00", "14:00", "2026-03-02 11:59", "2026-03-02 11:59"),
        ("12:00", "14:00", "2026-03-02 12:00", "2026-03-02 14:00"),
        ("12:00", "14:00", "2026-03-02 14:00", "2026-03-02 14:00"),
        ("00:00", "06:00", "2026-03-02 03:00", "2026-03-02 06:00"),
        ("22:00", "00:00", "2026-03-02 23:00", "2026-03-03 00:00"),
        (None, None, "2026-03-02 03:00", "2026-03-02 03:00"),
    ],
)
def test_what_falls_into_the_quiet_hours_comes_when_they_are_over(mei, begin, end, at, after):
    quiet = (clock(begin), clock(end)) if begin else (None, None)
    change(mei, quiet=quiet)
    instant, expected = (datetime.datetime.fromisoformat(one).replace(tzinfo=SHANGHAI) for one in (at, after))

    assert preferring.not_before([mei.pk], at=instant) == {mei.pk: expected}


def test_who_never_said_anything_has_the_defaults_in_one_statement(mei, django_assert_num_queries):
    night = datetime.datetime(2026, 3, 2, 23, tzinfo=SHANGHAI)
    members = [mei.pk, *(MemberFactory().pk for _ in range(5))]

    with django_assert_num_queries(1):
        found = preferring.not_before(members, at=night)

    assert set(found.values()) == {datetime.datetime(2026, 3, 3, 9, tzinfo=SHANGHAI)}
    assert set(found) == set(members)
    assert preferring.of(mei).reminders == [90, 30, 7]


def test_a_message_is_owed_not_before_and_security_at_once(mei):
    night = datetime.datetime(2026, 3, 2, 23, tzinfo=SHANGHAI)
    preferring.owe(kind=inviting.INVITATION, keys={mei.pk: "invitation/1"}, topic=Topic.MEMBERSHIP, at=night)
    li = known()
    verifying.send_for_signing_in(to_kind="phone", to=LI.phone, at=night, actor=Actor(system="anonymous"))

    invitation = Obligation.objects.get(member_id=mei.pk)
    code = Obligation.objects.exclude(member_id=mei.pk).get()
    assert li.pk
    assert invitation.not_before == invitation.due_at == datetime.datetime(2026, 3, 3, 9, tzinfo=SHANGHAI)
    assert code.not_before <= code.recorded_at


def test_what_is_given_changes_and_the_rest_stays(mei):
    first = change(mei, muted=["offers/sms", "tier/mail"])
    second = change(mei, reminders=[7, 30], language="zh-hant")
    same = change(mei, reminders=[30, 7])

    assert first.muted == second.muted == ["offers/sms", "tier/mail"]
    assert (second.reminders, second.version, same.version) == ([30, 7], 2, 2)
    assert Member.objects.get(pk=mei.pk).language == "zh-hant"
    events = [event.new for event in AuditEvent.objects.all()]  # of one instant, in no order
    assert len(events) == 2
    assert {"muted": ["offers/sms", "tier/mail"]} in events
    assert {"language": "zh-hant", "reminders": [30, 7]} in events


@pytest.mark.parametrize(
    ("wishes", "code", "field"),
    [
        ({"language": "xx"}, "unknown_preference", "language"),
        ({"muted": ["security/sms"]}, "unknown_preference", "muted"),
        ({"muted": ["offers/pigeon"]}, "unknown_preference", "muted"),
        ({"reminders": [8]}, "unknown_preference", "reminders"),
        ({"quiet": (datetime.time(9), datetime.time(9))}, "quiet_hours_unfit", "quiet_until"),
        ({"quiet": (datetime.time(9), None)}, "quiet_hours_unfit", "quiet_until"),
        ({"seen": "0" * 32, "reminders": []}, "preferences_changed", ""),
    ],
)
def test_what_is_no_choice_is_refused_and_changes_nothing(mei, wishes, code, field):
    with pytest.raises(Refusal) as refusal:
        change(mei, **wishes)

    assert (refusal.value.code, refusal.value.field or "") == (code, field)
    assert not Preference.objects.exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"muted": ["security/sms"]}, "preference_mutes_known_cells"),
        ({"reminders": [1]}, "preference_reminders_known"),
        ({"quiet_until": None}, "preference_quiet_hours_whole"),
        ({"quiet_from": datetime.time(9)}, "preference_quiet_hours_whole"),
    ],
)
def test_the_database_knows_it_too(mei, fields, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Preference.objects.create(member=mei, **fields)


def test_the_ways_that_are_left_are_tried_in_order_and_security_keeps_all():
    muted = Preference(muted=["points/sms", "offers/sms", "offers/mail"])

    assert preferring.ways(None, topic=Topic.POINTS) == [Way.SMS, Way.MAIL]
    assert preferring.ways(muted, topic=Topic.POINTS) == [Way.MAIL]
    assert preferring.ways(muted, topic=Topic.OFFERS) == []
    assert preferring.ways(Preference(muted=CELLS), topic=Topic.SECURITY) == [Way.SMS, Way.MAIL]


@pytest.fixture
def invited(mei) -> Member:
    """Somebody the bank has loaded, with a phone."""
    return known(accepted_at=None, user=None, language="zh-hans")


@pytest.fixture
def clerk() -> Actor:
    return Actor(user=StaffFactory())


def test_the_loaded_are_invited_once_with_the_way_to_join(invited, clerk, monkeypatch):
    counts = [inviting.invite(Member.objects.all(), at=NOON, actor=clerk) for _ in range(2)]

    [message] = sent(monkeypatch=monkeypatch)

    assert counts == [1, 0]
    assert (message.via, message.to) == ("sms", LI.phone)
    assert "/join" in message.text and "积分" in message.text
    assert [(event.verb, event.subject_id) for event in AuditEvent.objects.all()] == [
        ("inviting.invite", str(invited.pk))
    ]


def test_who_has_joined_said_no_or_has_no_data_is_not_invited(invited, clerk):
    text = ConsentTextFactory(purpose="marketing")
    MemberFactory(accepted_at=None)
    Consent.objects.create(member=invited, text=text, given=False, at=NOON, channel="branch")

    assert inviting.invite(Member.objects.all(), at=NOON, actor=clerk) == 0
    with pytest.raises(inviting.NotWanted), transaction.atomic():
        inviting.invite_again(member=invited, at=NOON, actor=clerk)
    with pytest.raises(inviting.NotInvited), transaction.atomic():
        inviting.invite_again(member=known(other(phone="10088880009")), at=NOON, actor=clerk)
    assert not Obligation.objects.exists()


def test_again_after_a_week_and_three_times_in_all(invited, clerk):
    now = Obligation.objects  # what was recorded, the database's clock says
    inviting.invite_again(member=invited, at=NOON, actor=clerk)
    recorded = now.get().recorded_at
    week = datetime.timedelta(days=7, seconds=1)

    with pytest.raises(inviting.InvitedLately), transaction.atomic():
        inviting.invite_again(member=invited, at=recorded + week / 2, actor=clerk)
    times = [inviting.invite_again(member=invited, at=recorded + n * week, actor=clerk) for n in (1, 2)]
    with pytest.raises(inviting.InvitedOften), transaction.atomic():
        inviting.invite_again(member=invited, at=recorded + 9 * week, actor=clerk)

    assert times == [2, 3]
    assert now.count() == 3


def test_who_joins_meanwhile_gets_no_invitation_and_a_way_switched_off_is_not_used(invited, clerk, monkeypatch):
    inviting.invite(Member.objects.all(), at=NOON, actor=clerk)
    Preference.objects.create(member=invited, muted=["membership/sms"])

    assert sent(monkeypatch=monkeypatch) == []
    assert Obligation.objects.get().done_at


def test_a_hundred_are_invited_in_as_many_statements_as_one(invited, clerk):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert inviting.invite(Member.objects.all(), at=NOON, actor=clerk)
        return len(queries)

    one = count()
    for n in range(12):
        known(other(phone=f"1008888{n:04}"), accepted_at=None, user=None)

    assert count() == one
