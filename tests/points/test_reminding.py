"""Reminders at 90, 30 and 7 days: once per lot and step, none missed by nights caught up, none for what is spent."""

import datetime
import random
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from foundation.outbox import measuring, relaying
from foundation.outbox.models import Obligation
from members.models import Preference
from points import lapsing, ledger, partitions, reminding
from points.models import Entry, Kind, Lot
from tests.factories import MemberFactory
from tests.points.cast import CLERK, MONDAY, asked, finish_closing, open_bank, post, start_closing

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def night(date, first_member=0, last_member=10**9):
    """Close a date with its expiry and its reminders; return how many reminders are new."""
    start_closing(date)
    lapsing.lapse(as_of=date, first_member=0, last_member=10**9, actor=CLERK)
    counts = reminding.remind(as_of=date, first_member=first_member, last_member=last_member, actor=CLERK)
    finish_closing(date)
    return counts["reminders"]


def reminded():
    """Return (member, lot, days before, points) of every reminder."""
    rows = Obligation.objects.filter(topic=reminding.REMINDER).order_by("id")
    return [(one.member_id, one.payload["lot"], one.payload["days_before"], one.payload["points"]) for one in rows]


def lots(member, points, *days_left, **more):
    """Give lots of 10, 11, 12 … points that have so many days left on MONDAY."""
    last_days = [MONDAY + left * DAY for left in days_left]
    post(*(asked(member, points, 10 + n, expires_on=day, **more) for n, day in enumerate(last_days)))


def test_a_lot_is_reminded_of_at_each_step_once():
    wang, points = open_bank()
    lots(wang, points, 92)

    nights = [night(MONDAY + n * DAY) for n in range(95)]

    assert reminded() == [(wang.pk, 1, 90, 10), (wang.pk, 1, 30, 10), (wang.pk, 1, 7, 10)]
    assert [n for n, new in enumerate(nights) if new] == [2, 62, 85]
    assert Obligation.objects.first().payload == {
        "currency_id": points.pk,
        "expires_on": f"{MONDAY + 92 * DAY}",
        "lot": 1,
        "points": 10,
        "days_before": 90,
    }


@pytest.mark.parametrize(
    ("days_left", "steps"),
    [
        (91, [90, 30, 7]),
        (90, [90, 30, 7]),
        (89, [90, 30, 7]),
        (31, [90, 30, 7]),
        (30, [30, 7]),
        (20, [30, 7]),
        (8, [30, 7]),
        (7, [7]),
        (3, [7]),
        (1, [7]),
        (0, []),
    ],
)
def test_a_lot_booked_late_gets_the_step_it_stands_in_and_those_ahead(days_left, steps):
    wang, points = open_bank()
    lots(wang, points, days_left)

    for n in range(days_left + 2):
        night(MONDAY + n * DAY)

    assert [step for *_lot, step, _points in reminded()] == steps


def test_the_same_night_twice_owes_nothing_the_second_time():
    wang, points = open_bank()
    lots(wang, points, 90, 30, 7, 20)
    start_closing()
    everybody = {"as_of": MONDAY, "first_member": 0, "last_member": 10**9, "actor": CLERK}

    assert reminding.remind(**everybody) == {"reminders": 4}
    assert reminding.remind(**everybody) == {"reminders": 0}
    assert len(reminded()) == 4


def test_what_is_spent_needs_no_reminder_and_what_is_left_says_how_much():
    wang, points = open_bank()
    lots(wang, points, 30, 30, 31)
    post(asked(wang, points, -14))

    night(MONDAY)

    assert reminded() == [(wang.pk, 2, 30, 7), (wang.pk, 3, 90, 12)]


def test_a_closed_member_and_what_never_lapses_need_none():
    wang, points = open_bank()
    li = MemberFactory()
    post(asked(wang, points, 5), asked(li, points, 5, expires_on=MONDAY + 7 * DAY))
    li.status, li.closed_on = "closed", MONDAY
    li.save()

    assert night(MONDAY) == 0


def test_a_chunk_leaves_the_members_beside_it_alone():
    wang, points = open_bank()
    li = MemberFactory()
    for member in (wang, li):
        lots(member, points, 7, 20)

    assert night(MONDAY, first_member=li.pk, last_member=li.pk) == 2
    assert {member for member, *_ in reminded()} == {li.pk}


def test_a_thousand_lots_are_one_statement_and_an_idle_night_too():
    wang, points = open_bank()
    crowd = [MemberFactory(branch=wang.branch) for _ in range(20)]
    for member in crowd:
        lots(member, points, *[30] * 50)
    start_closing()

    with CaptureQueriesContext(connection) as queries:
        assert reminding.remind(as_of=MONDAY, first_member=0, last_member=10**9, actor=CLERK) == {"reminders": 1_000}
        assert reminding.remind(as_of=MONDAY + DAY, first_member=0, last_member=10**9, actor=CLERK) == {"reminders": 0}

    assert len(queries) == 2


def test_a_night_reads_the_months_it_must_and_no_others():
    open_bank()
    partitions.ensure(first=MONDAY, last=MONDAY + 400 * DAY)
    with CaptureQueriesContext(connection) as queries:
        reminding.remind(as_of=MONDAY, first_member=0, last_member=10**9, actor=CLERK)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        plan = " ".join(line for [line] in cursor.fetchall())
    assert set(re.findall(r"points_lot_\d{6}\b", plan)) == {f"points_lot_2026{month}" for month in ("03", "04", "05")}


def test_reminders_nobody_subscribes_to_wait_and_trouble_nobody():
    wang, points = open_bank()
    lots(wang, points, 7)
    night(MONDAY)

    assert not relaying.is_due()
    assert reminding.REMINDER not in {one.topic for one in measuring.measure()}
    assert Obligation.objects.waiting().count() == 1


def test_every_lot_is_reminded_of_or_there_is_a_reason_why_not():
    """The reconciliation: for a hundred days of random business, each lot and step is either owed or explained, none both."""
    seed = 20261125
    print(f"seed {seed}")
    chance = random.Random(seed)
    wang, points = open_bank()
    crowd = [wang, *MemberFactory.create_batch(5, branch=wang.branch)]
    partitions.ensure(first=MONDAY, last=MONDAY + 230 * DAY)
    left_at: dict[tuple[datetime.date, int, int], int] = {}
    for n in range(100):
        today = MONDAY + n * DAY
        post(
            *(
                asked(
                    chance.choice(crowd),
                    points,
                    chance.randint(1, 50),
                    occurred_on=today,
                    expires_on=today + left * DAY,
                )
                for left in chance.sample([0, 1, 6, 7, 8, 29, 30, 31, 45, 89, 90, 91, 120], 3)
            ),
            asked(chance.choice(crowd), points, -chance.randint(1, 60), occurred_on=today),
        )
        start_closing(today)
        lapsing.lapse(as_of=today, first_member=0, last_member=10**9, actor=CLERK)
        for lot in Lot.objects.all():
            left_at[today, lot.member_id, lot.number] = lot.remaining
        reminding.remind(as_of=today, first_member=0, last_member=10**9, actor=CLERK)
        finish_closing(today)
    last = MONDAY + 99 * DAY

    owed = [(member, lot, step) for member, lot, step, _points in reminded()]
    assert len(owed) == len(set(owed))
    booked = {(e.member_id, e.number): e.booked_on for e in Entry.objects.filter(kind=Kind.EARN)}
    reasons = dict.fromkeys(("owed", "not yet due", "spent or lapsed", "booked nearer to its end"), 0)
    for lot in Lot.objects.exclude(expires_on=ledger.NEVER):
        for step, nearer in ((90, 30), (30, 7), (7, 0)):
            born = booked[lot.member_id, lot.number]
            asked_on = max(lot.expires_on - step * DAY, born)
            if born > lot.expires_on - step * DAY and (lot.expires_on - born).days <= nearer:
                reason = "booked nearer to its end"
            elif asked_on > last:
                reason = "not yet due"
            elif left_at[asked_on, lot.member_id, lot.number] == 0:
                reason = "spent or lapsed"
            else:
                reason = "owed"
            reasons[reason] += 1
            assert ((lot.member_id, lot.number, step) in owed) == (reason == "owed"), (lot.pk, step, reason)
    assert len(owed) == reasons["owed"] > 100
    assert all(count > 10 for count in reasons.values()), reasons


def test_who_has_switched_a_step_or_every_way_off_is_not_reminded_and_nobody_in_his_quiet_hours():
    wang, points = open_bank()
    li, zhao = MemberFactory.create_batch(2)
    Preference.objects.create(member=wang, reminders=[30], quiet_from=None, quiet_until=None)
    Preference.objects.create(member=li, reminders=[30, 90], muted=["points/sms", "points/mail"])
    Preference.objects.create(member=zhao, reminders=[90], muted=["points/sms"])
    for member in (wang, li, zhao):
        lots(member, points, 91)

    nights = [night(MONDAY + n * DAY) for n in range(62)]

    assert [n for n, new in enumerate(nights) if new] == [1, 61]
    assert [(member, step) for member, _lot, step, _points in reminded()] == [(zhao.pk, 90), (wang.pk, 30)]
    asked_for, at_once = Obligation.objects.filter(topic=reminding.REMINDER).order_by("id")
    hours = timezone.localtime(asked_for.not_before).hour
    assert asked_for.due_at == asked_for.not_before and 9 <= hours < 21
    assert at_once.not_before <= at_once.recorded_at
