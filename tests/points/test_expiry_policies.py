"""D06, C3: until when points can be used, policy by policy, as tables of golden dates that the nights must meet.

The dates were worked out by hand and calendar, none by the product; months are never chained (31 January and 1 month and 1 month
would be 29 March). For each row an activity earns in the night of its day; the night before the golden date takes nothing, the night
of it takes all.
"""

import calendar
import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from members.models import Member
from points import expiring, lapsing, ledger
from points.models import Entry, Kind, Lot, PointCurrency
from tests.campaigns.night import close_on, earn_all
from tests.factories import (
    ActivityFactory,
    BankFactory,
    DecisionFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
    ProgrammeFactory,
    RuleBookFactory,
)
from tests.points.cast import CLERK, MONDAY, asked, books_ok, open_bank, post, purse_of, start_closing
from tiers.models import Programme, RuleBook

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
EVERYBODY = {"first_member": 0, "last_member": 10**9, "actor": CLERK}
NEVER = "9999-12-31"
day_of = datetime.date.fromisoformat

MONTHS = [
    ("2024-02-29", 1, "2024-03-31"),
    ("2024-02-29", 11, "2025-01-31"),
    ("2024-02-29", 12, "2025-02-28"),
    ("2024-02-29", 24, "2026-02-28"),
    ("2024-02-29", 48, "2028-02-29"),
    ("2023-02-28", 12, "2024-02-29"),
    ("2025-02-28", 36, "2028-02-29"),
    ("2024-01-30", 1, "2024-02-29"),
    ("2024-01-31", 1, "2024-02-29"),
    ("2024-01-31", 2, "2024-03-31"),
    ("2025-01-29", 1, "2025-02-28"),
    ("2025-01-30", 1, "2025-02-28"),
    ("2025-01-31", 1, "2025-02-28"),
    ("2025-01-31", 2, "2025-03-31"),
    ("2024-01-30", 13, "2025-02-28"),
    ("2024-03-31", 1, "2024-04-30"),
    ("2024-03-31", 11, "2025-02-28"),
    ("2024-05-31", 1, "2024-06-30"),
    ("2024-08-31", 1, "2024-09-30"),
    ("2024-08-31", 6, "2025-02-28"),
    ("2024-10-31", 4, "2025-02-28"),
    ("2024-11-30", 3, "2025-02-28"),
    ("2024-12-31", 2, "2025-02-28"),
    ("2024-12-31", 1, "2025-01-31"),
    ("2024-12-01", 1, "2025-01-31"),
    ("2024-12-31", 12, "2025-12-31"),
    ("2025-01-01", 12, "2026-01-31"),
    ("2024-06-30", 120, "2034-06-30"),
    ("2024-04-30", 1, "2024-05-31"),
    ("2098-12-31", 14, "2100-02-28"),
]
YEAR_END = [
    ("2024-12-31", 0, "2024-12-31"),
    ("2024-01-01", 0, "2024-12-31"),
    ("2024-12-31", 1, "2025-12-31"),
    ("2025-01-01", 1, "2026-12-31"),
    ("2024-02-29", 1, "2025-12-31"),
    ("2024-02-29", 4, "2028-12-31"),
    ("2025-06-30", 2, "2027-12-31"),
    ("2023-12-30", 1, "2024-12-31"),
    ("2024-07-01", 3, "2027-12-31"),
    ("2099-12-31", 1, "2100-12-31"),
]
BY_TIER = {"standard": 12, "silver": 24, "gold": None}
# The tier on the evening before counts: None is no decision at all, +0 one of the same evening, which comes too late.
TIERS = [
    ("2024-02-29", [], "2025-02-28"),
    ("2024-02-29", [("silver", -1)], "2026-02-28"),
    ("2024-02-29", [("silver", 0)], "2025-02-28"),
    ("2024-02-29", [("gold", -1)], NEVER),
    ("2024-02-29", [("gold", 0)], "2025-02-28"),
    ("2024-12-31", [("gold", -60), ("silver", -1)], "2026-12-31"),
    ("2024-12-31", [("gold", -60), ("silver", 0)], NEVER),
    ("2025-01-31", [("silver", -60), ("standard", -30)], "2026-01-31"),
    ("2024-01-30", [("silver", -365)], "2026-01-31"),
    ("2024-08-31", [("standard", -1)], "2025-08-31"),
]
# Last activity, months without one, and the last day on which the points could be used: its night takes them.
INACTIVITY = [
    ("2024-01-29", 1, "2024-02-29"),
    ("2024-01-30", 1, "2024-02-29"),
    ("2024-01-31", 1, "2024-02-29"),
    ("2025-01-28", 1, "2025-02-28"),
    ("2025-01-29", 1, "2025-02-28"),
    ("2025-01-30", 1, "2025-02-28"),
    ("2025-01-31", 1, "2025-02-28"),
    ("2024-02-29", 12, "2025-02-28"),
    ("2024-02-29", 48, "2028-02-29"),
    ("2024-02-29", 1, "2024-03-29"),
    ("2023-02-28", 12, "2024-02-28"),
    ("2024-03-31", 1, "2024-04-30"),
    ("2024-03-30", 1, "2024-04-30"),
    ("2024-08-31", 6, "2025-02-28"),
    ("2024-08-30", 6, "2025-02-28"),
    ("2024-12-31", 2, "2025-02-28"),
    ("2024-12-31", 12, "2025-12-31"),
    ("2024-12-15", 1, "2025-01-15"),
    ("2024-05-31", 3, "2024-08-31"),
    ("2024-10-31", 1, "2024-11-30"),
]


@pytest.fixture
def bank():
    """A bank with tiers, whose nights are closed one by one as each row asks."""
    BankFactory()
    ProgrammeFactory()


def book() -> RuleBook:
    """Return the main programme's rule book 1, made when first asked for."""
    return RuleBook.objects.first() or RuleBookFactory(programme=Programme.objects.get())


def currency_of(policy: str, **parameters: Any) -> PointCurrency:
    return PointCurrencyFactory(expiry_policy=policy, **{"expiry_months": None} | parameters)


def earn_on(day: datetime.date, currency: PointCurrency, member: Member) -> Lot:
    """Let the member earn 100 points by an activity of `day`, in its night."""
    EarningRuleVersionFactory(reward_currency=currency)
    ActivityFactory(member=member, occurred_on=day, booked_on=day)
    close_on(day)
    earn_all(day)
    return Lot.objects.get(member_id=member.pk)


def taken_by_the_night(day: datetime.date) -> int:
    """Return the points that the night of `day` takes, whatever the policy."""
    close_on(day)
    return sum(step(as_of=day, **EVERYBODY)["points"] for step in (lapsing.lapse, lapsing.lapse_inactive))


def lapses_in_the_night_of(last: datetime.date) -> bool:
    """Say that the night before takes nothing, the night of `last` all, and a second one nothing more."""
    nights = [last - DAY, last, last]
    assert [taken_by_the_night(night) for night in nights] == [0, 100, 0]
    assert books_ok()
    return True


def test_there_are_sixty_golden_dates_and_more():
    assert len(MONTHS) + len(YEAR_END) + len(TIERS) + len(INACTIVITY) >= 60


@pytest.mark.parametrize(("occurred_on", "months", "last"), MONTHS)
def test_months(bank, occurred_on, months, last):
    lot = earn_on(day_of(occurred_on), currency_of("months", expiry_months=months), MemberFactory())

    assert lot.expires_on.isoformat() == last
    assert lapses_in_the_night_of(lot.expires_on)


@pytest.mark.parametrize(("occurred_on", "years", "last"), YEAR_END)
def test_year_end(bank, occurred_on, years, last):
    lot = earn_on(day_of(occurred_on), currency_of("year_end", expiry_years=years), MemberFactory())

    assert lot.expires_on.isoformat() == last
    if lot.expires_on > day_of(occurred_on):
        assert lapses_in_the_night_of(lot.expires_on)
    else:
        assert taken_by_the_night(lot.expires_on) == 100


@pytest.mark.parametrize(("occurred_on", "decided", "last"), TIERS)
def test_by_tier(bank, occurred_on, decided, last):
    member, day = MemberFactory(), day_of(occurred_on)
    for tier, days in decided:
        DecisionFactory(member=member, tier=tier, as_of=day + days * DAY, rule_book=book())

    lot = earn_on(day, currency_of("by_tier", expiry_by_tier=BY_TIER), member)

    assert lot.expires_on.isoformat() == last
    if last != NEVER:
        assert lapses_in_the_night_of(lot.expires_on)
    else:
        assert taken_by_the_night(day.replace(year=day.year + 80, day=28)) == 0


@pytest.mark.parametrize(("occurred_on", "months", "last"), INACTIVITY)
def test_inactivity(bank, occurred_on, months, last):
    lot = earn_on(day_of(occurred_on), currency_of("inactivity", expiry_months=months), MemberFactory())

    assert lot.expires_on.isoformat() == NEVER
    assert lapses_in_the_night_of(day_of(last))
    [expiry] = Entry.objects.filter(kind=Kind.EXPIRE)
    assert (expiry.points, expiry.balance_after, expiry.cause) == (-100, 0, "lot/1")
    assert (expiry.occurred_on.isoformat(), expiry.booked_on.isoformat()) == (last, last)
    assert expiry.figures == {"inactive_months": months, "last_activity": occurred_on}


def test_never(bank):
    lot = earn_on(day_of("2024-02-29"), currency_of("never"), MemberFactory())

    assert lot.expires_on.isoformat() == NEVER
    assert taken_by_the_night(day_of("2124-02-29")) == 0


def test_every_day_of_four_years_and_many_months_by_plain_python():
    """The database's function against a reckoning that shares nothing with it: 1,461 days × 30 numbers of months, and years."""
    first = datetime.date(2024, 1, 1)

    def month_end(day: datetime.date, months: int) -> datetime.date:
        year, month = day.year, day.month
        for _ in range(months):
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return datetime.date(year, month, calendar.monthrange(year, month)[1])

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d, n, points_expires_on(jsonb_populate_record(NULL::points_pointcurrency, jsonb_build_object("
            " 'expiry_policy', 'months', 'expiry_months', n)), NULL, d),"
            " points_expires_on(jsonb_populate_record(NULL::points_pointcurrency, jsonb_build_object("
            " 'expiry_policy', 'year_end', 'expiry_years', n)), NULL, d)"
            " FROM (SELECT %s::date + i AS d FROM generate_series(0, 1460) i) days, generate_series(1, 30) n",
            [first],
        )
        rows = cursor.fetchall()

    assert len(rows) == 1461 * 30
    wrong = [
        row
        for row in rows
        if row[2] != month_end(row[0], row[1]) or row[3] != datetime.date(row[0].year + row[1], 12, 31)
    ]
    assert wrong == []


def test_one_credit_asks_the_same_policy(bank):
    gold, li = MemberFactory(), MemberFactory()
    day = day_of("2024-02-29")
    DecisionFactory(member=gold, tier="gold", as_of=day - DAY, rule_book=book())

    def asked_for(member: Member) -> str:
        return expiring.expires_on(
            currency=PointCurrency.objects.get(), member_id=member.pk, occurred_on=day
        ).isoformat()

    currency = currency_of("by_tier", expiry_by_tier=BY_TIER)
    assert [asked_for(gold), asked_for(li)] == [NEVER, "2025-02-28"]
    PointCurrency.objects.filter(pk=currency.pk).update(expiry_policy="year_end", expiry_years=1, expiry_by_tier=None)
    assert asked_for(gold) == "2025-12-31"


def test_a_new_policy_never_touches_points_already_earned(bank):
    wang, day = MemberFactory(), day_of("2024-02-29")
    currency = currency_of("months", expiry_months=12)
    earn_on(day, currency, wang)
    PointCurrency.objects.filter(pk=currency.pk).update(expiry_months=1)
    ActivityFactory(member=wang, occurred_on=day, booked_on=day, amount_minor=7_00)

    earn_all(day)

    assert [lot.expires_on.isoformat() for lot in Lot.objects.order_by("number")] == ["2025-02-28", "2024-03-31"]


def test_points_earned_before_inactivity_was_the_policy_stay(bank):
    wang, li = MemberFactory(), MemberFactory()
    currency = currency_of("never")
    earn_on(day_of("2024-01-31"), currency, wang)
    PointCurrency.objects.filter(pk=currency.pk).update(
        expiry_policy="inactivity", expiry_months=1, inactivity_from=day_of("2024-02-01")
    )
    ActivityFactory(member=li, occurred_on=day_of("2024-02-01"), booked_on=day_of("2024-02-01"))
    close_on(day_of("2024-02-01"))
    earn_all(day_of("2024-02-01"))

    assert taken_by_the_night(day_of("2025-02-28")) == 100
    assert purse_of(wang, currency)["available"] == 100
    assert purse_of(li, currency)["expired"] == 100


@pytest.mark.parametrize(
    "wrong",
    [
        {"expiry_policy": "months", "expiry_months": None},
        {"expiry_policy": "months", "expiry_months": 0},
        {"expiry_policy": "never", "expiry_months": 12},
        {"expiry_policy": "inactivity", "expiry_months": None},
        {"expiry_policy": "inactivity", "expiry_months": 12, "expiry_years": 1},
        {"expiry_policy": "year_end", "expiry_months": None},
        {"expiry_policy": "year_end", "expiry_months": None, "expiry_years": 101},
        {"expiry_policy": "by_tier", "expiry_months": None},
        {"expiry_policy": "never", "expiry_months": None, "expiry_by_tier": {"gold": 1}},
        {"expiry_policy": "never", "expiry_months": None, "inactivity_from": datetime.date(2026, 1, 1)},
        {"expiry_policy": "tomorrow", "expiry_months": None},
        {"growth": True, "expiry_policy": "months", "expiry_months": 12},
    ],
)
def test_the_database_refuses_a_policy_without_or_beside_its_parameters(wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        PointCurrencyFactory(**wrong)
    assert not PointCurrency.objects.exists()


@pytest.mark.parametrize(
    ("policy", "parameters", "said", "hans", "hant"),
    [
        ("never", {}, ["Unused points never lapse."], "永不到期", "永不到期"),
        (
            "months",
            {"expiry_months": 12},
            ["Unused points lapse at the end of the month 12 months after the activity."],
            "第 12 个月的月底",
            "第 12 個月的月底",
        ),
        (
            "year_end",
            {"expiry_years": 2},
            ["Unused points lapse at the end of the year 2 years after the activity."],
            "第 2 年的年底",
            "第 2 年的年底",
        ),
        (
            "year_end",
            {"expiry_years": 0},
            ["Unused points lapse at the end of the year of the activity."],
            "当年年底",
            "當年年底",
        ),
        (
            "by_tier",
            {"expiry_by_tier": BY_TIER},
            [
                "Unused points lapse at the end of a month; the tier at earning decides how many months after the activity.",
                "Standard: 12 months, Silver: 24 months, Gold: never.",
            ],
            "Gold：永不到期。",
            "Gold：永不到期。",
        ),
        (
            "inactivity",
            {"expiry_months": 18, "inactivity_from": datetime.date(2026, 3, 2)},
            [
                "Unused points lapse after 18 months without any activity of the member.",
                "That is so for points earned from 2 March 2026 on.",
            ],
            "连续 18 个月没有任何业务活动",
            "連續 18 個月沒有任何業務活動",
        ),
    ],
)
def test_a_policy_says_itself_in_every_language(bank, policy, parameters, said, hans, hant):
    currency = currency_of(policy, **parameters)

    assert expiring.describe(currency) == said
    for language, words in (("zh-hans", hans), ("zh-hant", hant)):
        with translation.override(language):
            assert words in "".join(expiring.describe(currency))


# --- Inactivity, closer ---


def idle_bank(months: int = 1) -> tuple[Member, PointCurrency]:
    """Open the bank on MONDAY, where points lapse after a month without activity; a credit of 31 January waits for it."""
    wang, _points = open_bank()
    points = PointCurrency.objects.get()
    PointCurrency.objects.filter(pk=points.pk).update(expiry_policy="inactivity", expiry_months=months)
    return wang, points


JANUARY_END = datetime.date(2026, 1, 31)


def lapse_on(day: datetime.date = MONDAY) -> dict[str, int]:
    close_on(day)
    return lapsing.lapse_inactive(as_of=day, **EVERYBODY)


def test_any_activity_keeps_the_points_even_one_that_earns_nothing():
    wang, points = idle_bank()
    post(asked(wang, points, 10, occurred_on=JANUARY_END, kind=Kind.ADJUST))
    ActivityFactory(member=wang, kind="log_in", amount_minor=None, occurred_on=MONDAY - 27 * DAY)

    assert lapse_on() == {"purses": 0, "lots": 0, "points": 0}
    assert lapse_on(MONDAY + 20 * DAY) == {"purses": 1, "lots": 1, "points": 10}


def test_what_is_booked_after_the_date_does_not_keep_them():
    wang, points = idle_bank()
    post(asked(wang, points, 10, occurred_on=JANUARY_END, kind=Kind.ADJUST))
    ActivityFactory(member=wang, occurred_on=MONDAY, booked_on=MONDAY + DAY)

    assert lapse_on() == {"purses": 1, "lots": 1, "points": 10}


def test_without_any_activity_the_points_count_from_their_own_day():
    wang, points = idle_bank()
    post(
        asked(wang, points, 10, occurred_on=JANUARY_END, kind=Kind.ADJUST),
        asked(wang, points, 5, occurred_on=MONDAY, kind=Kind.ADJUST),
    )

    assert lapse_on() == {"purses": 1, "lots": 1, "points": 10}
    assert purse_of(wang, points) == {"available": 5, "credited": 15, "expired": 10, "entries": 3}
    assert Entry.objects.get(kind=Kind.EXPIRE).figures == {"inactive_months": 1}
    assert books_ok()


def test_pending_points_and_what_is_left_of_a_lot_lapse_too():
    wang, points = idle_bank()
    post(
        asked(wang, points, 10, occurred_on=JANUARY_END),
        asked(wang, points, 7, occurred_on=JANUARY_END, available_on=MONDAY + 90 * DAY),
        asked(wang, points, -4),
    )

    assert lapse_on() == {"purses": 1, "lots": 2, "points": 13}
    assert purse_of(wang, points) == {"credited": 17, "debited": 4, "expired": 13, "entries": 5}
    assert books_ok()


def test_a_chunk_leaves_others_alone_and_other_currencies_stay():
    wang, points = idle_bank()
    li = MemberFactory()
    miles = PointCurrencyFactory(code="miles", expiry_months=None)
    post(*(asked(who, of, 10, occurred_on=JANUARY_END) for who in (wang, li) for of in (points, miles)))
    close_on(MONDAY)

    counts = lapsing.lapse_inactive(as_of=MONDAY, first_member=li.pk, last_member=li.pk, actor=CLERK)

    assert counts == {"purses": 1, "lots": 1, "points": 10}
    assert purse_of(wang, points)["available"] == purse_of(li, miles)["available"] == 10


def test_only_a_date_that_is_closing_lapses():
    wang, points = idle_bank()
    post(asked(wang, points, 10, occurred_on=JANUARY_END))

    with pytest.raises(ledger.BusinessDateNotClosing), transaction.atomic():
        lapsing.lapse_inactive(as_of=MONDAY, **EVERYBODY)

    assert purse_of(wang, points) == {"available": 10, "credited": 10, "entries": 1}


def test_one_statement_for_a_thousand_lots_as_for_none():
    wang, points = idle_bank()
    crowd = [MemberFactory(branch=wang.branch) for _ in range(50)]
    post(*(asked(who, points, 3, occurred_on=JANUARY_END) for who in crowd for _ in range(20)))
    start_closing()

    with CaptureQueriesContext(connection) as queries:
        counts = lapsing.lapse_inactive(as_of=MONDAY, **EVERYBODY)

    assert counts == {"purses": 50, "lots": 1_000, "points": 3_000}
    assert len(queries) == 1
    assert books_ok()
