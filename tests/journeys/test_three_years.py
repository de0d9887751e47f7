"""Three simulated years of roll-ups and reviews by the clock, in three zones, held against plain Python decision by decision.

Activities lie a second before and on midnight of the bank's own zone; the beat is down on every third day and around each new year.
"""

import datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from activity import recording
from activity.reports import ActivityReport
from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock, closing
from foundation.jobs.models import JobRun
from foundation.jobs.running import Job
from foundation.periods import add_months
from membership_site.closing import STEPS
from tests.factories import (
    BankFactory,
    ConditionFactory,
    MemberFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
    SourceFactory,
)
from tests.jobs.test_clock import turn  # noqa: F401
from tests.tiers import plain
from tiers.models import Decision

FIRST, END = datetime.date(2026, 1, 1), datetime.date(2029, 1, 1)
DAY = datetime.timedelta(days=1)
DAYS = [FIRST + n * DAY for n in range((END - FIRST).days)]
REVIEWS = Job("close_day", [step for step in STEPS if step.name in ("roll_up", "review")], list)
# Who joined on these days; a leap day and month ends among them. The last three do 9, 10 and 11 things in December 2026.
JOINED = [
    datetime.date(2024, 2, 29), datetime.date(2025, 1, 31), datetime.date(2025, 12, 31), datetime.date(2026, 2, 28),
    datetime.date(2025, 12, 1), datetime.date(2025, 12, 1), datetime.date(2025, 12, 1),
]  # fmt: skip
# By programme: the rule book, the window of counted transactions (none: months of membership), the minima of silver and gold.
PROGRAMMES = {
    "monthly": (
        {"calendar": "month_end", "validity_months": 2, "downgrade": "grace", "grace_length": 10, "one_step": True},
        1, (10, 14),
    ),
    "half": (
        {"calendar": "half_year_end", "validity_months": 6, "upgrades_nightly": True, "downgrade": "grace", "grace_unit": "months",
         "grace_length": 6, "one_step": True},
        3, (28, 42),
    ),
    "year": ({"calendar": "year_end", "validity_months": 12}, 12, (100, 150)),
    "anniversary": ({"calendar": "anniversary", "validity_months": 12, "downgrade": "grace", "grace_length": 90}, 0, (12, 24)),
}  # fmt: skip


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "Pacific/Kiritimati"])
def test_three_years_of_reviews_decide_on_the_banks_own_days(turn, settings, zone):  # noqa: F811
    """D01–D04: each date ran once, in order; every decision lies where a calendar of the zone puts it."""
    settings.TIME_ZONE = zone
    BankFactory(first_business_date=FIRST)
    open_programmes()
    members = [MemberFactory(joined_on=day) for day in JOINED]
    did = {member.pk: acted_on(place) for place, member in enumerate(members)}
    record(members, did, ZoneInfo(zone))

    for today in [*DAYS[1:], END]:
        if (today.day % 3 == 0 or today.timetuple().tm_yday < 8) and today != END:
            continue
        turn(datetime.datetime.combine(today, datetime.time(0, 0, 5), ZoneInfo(zone)))
        assert clock.today() == today
        if dates := closing.due(today=today):
            closing.close(job=REVIEWS, through=dates[1], today=today, who="beat")
    connections["default"].close()

    assert list(JobRun.objects.order_by("id").values_list("business_date", "attempts")) == [(day, 1) for day in DAYS]
    decided = [
        (programme, member, as_of, outcome, rank, valid, grace)
        for programme, member, as_of, outcome, rank, valid, grace in Decision.objects.values_list(
            "programme__code", "member", "as_of", "outcome", "to_tier__rank", "valid_until", "grace_until"
        )
    ]
    assert sorted(decided, key=str) == sorted(expected(members, did), key=str)
    boundary = {row[1]: row[4] for row in decided if row[0] == "monthly" and row[2] == datetime.date(2026, 12, 31)}
    assert [boundary.get(member.pk, 0) for member in members[-3:]] == [0, 1, 1]
    leap = [row[2] for row in decided if row[0] == "anniversary" and row[1] == members[0].pk]
    assert leap == [datetime.date(2026, 2, 28), datetime.date(2027, 2, 28), datetime.date(2028, 2, 29)]


def open_programmes():
    counted = SeriesFactory(metric="transaction_count")
    for code, (fields, months, minima) in PROGRAMMES.items():
        book = RuleBookFactory(programme=ProgrammeFactory(code=code, is_main=code == "monthly"), **fields)
        for rank, minimum in enumerate(minima, start=1):
            ConditionFactory(
                rule_book=book, tier=book.programme.tiers.get(rank=rank), series=counted if months else None,
                window="months" if months else "", window_length=months or None, enter_minimum=minimum,
            )  # fmt: skip


def acted_on(place):
    """Return the days on which a member does something, in waves, each day once or more."""
    if place >= len(JOINED) - 3:
        return [datetime.date(2026, 12, 31) - n * DAY for n in range(9 + place - (len(JOINED) - 3))]
    busy = [day for number, day in enumerate(DAYS) if (number // (90 + 20 * place)) % 2 == 0]
    return [*busy[:: 2 + place % 2], *busy[:: 5 + place]]


def record(members, did, zone):
    """Report everything as it happened in `zone`: at the first and the last second of the days, in turn."""
    source = SourceFactory()
    reports = [
        ActivityReport(
            source=source.code,
            external_id=f"{member.pk}-{number}",
            kind="log_in",
            member_number=member.number,
            occurred_at=datetime.datetime.combine(
                day, datetime.time(23, 59, 59) if number % 2 else datetime.time(), zone
            ),
        )
        for member in members
        for number, day in enumerate(did[member.pk])
    ]
    answers = transactions.commit(recording.record_activities, reports=reports, actor=Actor.job("test"))
    assert set(answers) == {"recorded"}


def expected(members, did):
    """Return what plain.py decides, night after night."""
    for code, (fields, months, minima) in PROGRAMMES.items():
        terms = plain.Terms(
            calendar=fields["calendar"],
            upgrades_nightly=fields.get("upgrades_nightly", False),
            downgrade=fields.get("downgrade", "immediate"),
            one_step=fields.get("one_step", False),
            validity=[fields["validity_months"]] * 3,
            grace=[fields.get("grace_length", 0)] * 3,
            grace_unit=fields.get("grace_unit", "days"),
        )
        for member in members:
            stand = plain.Stand()
            for day in (one for one in DAYS if one >= member.joined_on):
                if months:
                    begin = add_months(day, -months)
                    figure = sum(begin < acted <= day for acted in did[member.pk])
                else:
                    figure = max(n for n in range(80) if add_months(member.joined_on, n) <= day)
                target = sum(figure >= minimum for minimum in minima)
                stand, outcome = plain.decide(stand, target, terms, day, member.joined_on)
                if outcome:
                    yield code, member.pk, day, outcome, stand.rank, stand.valid_until, stand.grace_until
