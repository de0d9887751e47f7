"""What the ledger answers to a batch, and what then stands in the purse, the entries and the lots."""

import dataclasses
import datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from points import ledger
from points.ledger import NEVER, Answer
from points.models import Allocation, Entry, Kind, Lot, Purse
from tests.factories import MemberFactory, PointCurrencyFactory
from tests.points.cast import (
    APRIL_END,
    CLERK,
    MARCH_END,
    MONDAY,
    TUESDAY,
    asked,
    books_ok,
    finish_closing,
    open_bank,
    outcomes,
    post,
    purse_of,
    start_closing,
)

pytestmark = pytest.mark.django_db
ENTRY_COLUMNS = (
    "number",
    "kind",
    "points",
    "balance_after",
    "occurred_on",
    "booked_on",
    "cause",
    "rule_version_id",
    "figures",
)
LOT_COLUMNS = ("number", "expires_on", "points", "remaining", "expired", "available_on")
CREDITS = [
    {"expires_on": APRIL_END},
    {"expires_on": NEVER},
    {},
    {"expires_on": datetime.date(2077, 5, 31)},
    {"expires_on": APRIL_END, "available_on": TUESDAY},
    {"expires_on": APRIL_END, "available_on": MONDAY},
    {"expires_on": datetime.date(2026, 2, 28), "occurred_on": datetime.date(2026, 2, 1)},
    {"occurred_on": datetime.date(2026, 2, 1), "figures": {"amount_minor": 100}, "rule_version_id": 7},
]


def in_savepoint(*batch, **more):
    """Post a batch that is refused, so that the database can be asked afterwards."""
    with transaction.atomic():
        return post(*batch, **more)


def allocations(member, currency):
    """Return (debit, lot's last day, points) of every allocation of a purse, in order of the key."""
    rows = Allocation.objects.filter(member_id=member.pk, currency_id=currency.pk)
    return list(
        rows.order_by("debit_number", "lot_expires_on", "lot_number").values_list(
            "debit_number", "lot_expires_on", "points"
        )
    )


def test_an_earning_opens_the_purse_and_makes_an_entry_and_a_lot():
    wang, points = open_bank()

    [answer] = post(
        asked(
            wang,
            points,
            48,
            expires_on=APRIL_END,
            cause="activity/core/7",
            rule_version_id=3,
            figures={"rate": "0.1", "note": 'ü"\\'},
        )
    )

    assert answer == Answer("posted", 1, 48)
    assert purse_of(wang, points) == {"available": 48, "credited": 48, "entries": 1}
    entry = Entry.objects.get()
    assert (entry.pk, entry.kind, entry.points, entry.balance_after) == ((wang.pk, points.pk, 1), Kind.EARN, 48, 48)
    assert (entry.occurred_on, entry.booked_on, entry.cause, entry.rule_version_id) == (
        MONDAY,
        MONDAY,
        "activity/core/7",
        3,
    )
    assert entry.figures == {"rate": "0.1", "note": 'ü"\\'}
    lot = Lot.objects.get()
    assert (lot.pk, lot.points, lot.remaining, lot.available_on) == ((wang.pk, points.pk, APRIL_END, 1), 48, 48, MONDAY)
    assert books_ok()


def test_a_repeat_answers_as_the_first_and_writes_nothing():
    wang, points = open_bank()
    earned = asked(wang, points, 48)
    post(earned, asked(wang, points, 2))

    [again] = post(earned)

    assert again == Answer("duplicate", 1, 48)
    assert purse_of(wang, points) == {"available": 50, "credited": 50, "entries": 2}


@pytest.mark.parametrize(
    "other", [{"points": 49}, {"kind": Kind.BONUS}, {"cause": "another"}, {"occurred_on": datetime.date(2026, 2, 28)}]
)
def test_the_same_key_with_other_content_is_a_conflict(other):
    wang, points = open_bank()
    earned = asked(wang, points, 48)
    post(earned)

    answers = post(dataclasses.replace(earned, **other))

    assert answers == [Answer("conflict", None, None)]
    assert purse_of(wang, points) == {"available": 48, "credited": 48, "entries": 1}


def test_a_key_may_come_twice_in_one_batch():
    wang, points = open_bank()
    earned, spent = asked(wang, points, 48), asked(wang, points, -50)

    answers = post(earned, earned, dataclasses.replace(earned, points=47), spent, spent)

    assert outcomes(answers) == ["posted", "duplicate", "conflict", "insufficient", "insufficient"]
    assert answers[1] == Answer("duplicate", 1, 48)
    assert purse_of(wang, points) == {"available": 48, "credited": 48, "entries": 1}


def test_a_purse_takes_its_credits_first_and_a_debit_that_does_not_fit_takes_nothing():
    wang, points = open_bank()

    answers = post(
        asked(wang, points, -60), asked(wang, points, -50), asked(wang, points, 100), asked(wang, points, -40)
    )

    assert outcomes(answers) == ["posted", "insufficient", "posted", "posted"]
    assert [answer.number for answer in answers] == [2, None, 1, 3]
    assert purse_of(wang, points) == {"credited": 100, "debited": 100, "entries": 3}
    assert books_ok()


def test_a_debit_takes_the_lot_that_expires_first_then_the_oldest():
    wang, points = open_bank()
    post(*(asked(wang, points, 10, expires_on=day) for day in (None, APRIL_END, MARCH_END, APRIL_END)))

    post(asked(wang, points, -25))
    post(asked(wang, points, -10))

    assert allocations(wang, points) == [
        (5, MARCH_END, 10),
        (5, APRIL_END, 10),
        (5, APRIL_END, 5),
        (6, APRIL_END, 5),
        (6, NEVER, 5),
    ]
    assert books_ok()


def test_an_unknown_or_closed_member_has_no_purse():
    wang, points = open_bank()
    left = MemberFactory(status="closed", closed_on=MONDAY)
    leaving = MemberFactory()
    earned = asked(leaving, points, 9)
    post(earned)
    type(leaving).objects.filter(pk=leaving.pk).update(status="closed", closed_on=MONDAY)
    stranger = dataclasses.replace(asked(wang, points, 5), member_id=987_654)

    answers = post(stranger, asked(left, points, 5), asked(leaving, points, 5), earned, asked(wang, points, 5))

    assert outcomes(answers) == ["unknown_purse", "unknown_purse", "unknown_purse", "duplicate", "posted"]
    assert sorted(Purse.objects.values_list("member_id", flat=True)) == sorted([wang.pk, leaving.pk])


def test_what_cannot_be_clawed_back_is_owed_and_the_next_credits_pay_it():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=APRIL_END))
    post(asked(wang, points, -80))

    answers = post(asked(wang, points, -50, kind=Kind.CLAWBACK))

    assert answers == [Answer("posted", 3, -30)]
    assert purse_of(wang, points) == {"owed": 30, "credited": 100, "debited": 130, "entries": 3}
    post(asked(wang, points, 20), asked(wang, points, 25))
    assert purse_of(wang, points) == {"available": 15, "credited": 145, "debited": 130, "entries": 5}
    assert list(Lot.objects.filter(number__in=[4, 5]).order_by("number").values_list("remaining", flat=True)) == [0, 15]
    assert [row for row in allocations(wang, points) if row[0] > 3] == [(4, NEVER, 20), (5, NEVER, 10)]
    assert books_ok()


def test_a_clawback_takes_its_own_lot_first_also_while_it_is_pending():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=MARCH_END))
    post(asked(wang, points, 40, expires_on=APRIL_END, available_on=TUESDAY))

    answers = post(asked(wang, points, -30, kind=Kind.CLAWBACK, expires_on=APRIL_END, takes_first=2))

    assert answers == [Answer("posted", 3, 110)]
    assert purse_of(wang, points) == {"available": 100, "pending": 10, "credited": 140, "debited": 30, "entries": 3}
    assert allocations(wang, points) == [(3, APRIL_END, 30)]
    assert books_ok()


def test_clawbacks_of_one_batch_share_their_own_lot_before_other_debits_are_paid():
    wang, points = open_bank()
    post(asked(wang, points, 50, expires_on=APRIL_END), asked(wang, points, 30, expires_on=MARCH_END))
    own = {"kind": Kind.CLAWBACK, "expires_on": APRIL_END, "takes_first": 1}
    first = asked(wang, points, -35, **own)

    answers = post(asked(wang, points, -25), first, asked(wang, points, -35, **own), first)

    assert outcomes(answers) == ["insufficient", "posted", "posted", "duplicate"]
    assert purse_of(wang, points) == {"available": 10, "credited": 80, "debited": 70, "entries": 4}
    assert allocations(wang, points) == [(3, APRIL_END, 35), (4, MARCH_END, 20), (4, APRIL_END, 15)]
    assert books_ok()


def test_a_currency_may_refuse_a_clawback_that_does_not_fit():
    wang, points = open_bank()
    type(points).objects.filter(pk=points.pk).update(shortfall="refuse")
    post(asked(wang, points, 100))

    answers = post(asked(wang, points, -101, kind=Kind.CLAWBACK), asked(wang, points, -100, kind=Kind.CLAWBACK))

    assert outcomes(answers) == ["insufficient", "posted"]
    assert purse_of(wang, points) == {"credited": 100, "debited": 100, "entries": 2}
    assert books_ok()


def test_a_clawback_that_is_refused_sets_nothing_aside_in_its_batch():
    wang, points = open_bank()
    type(points).objects.filter(pk=points.pk).update(shortfall="refuse")
    post(asked(wang, points, 100), asked(wang, points, -50))
    own = {"kind": Kind.CLAWBACK, "takes_first": 1}

    answers = post(
        asked(wang, points, -100, **own), asked(wang, points, -30), asked(wang, points, -21), asked(wang, points, -20)
    )

    assert outcomes(answers) == ["insufficient", "posted", "insufficient", "posted"]
    assert purse_of(wang, points) == {"credited": 100, "debited": 100, "entries": 4}
    assert allocations(wang, points) == [(2, NEVER, 50), (3, NEVER, 30), (4, NEVER, 20)]
    assert books_ok()


@pytest.mark.parametrize("credit", CREDITS)
def test_a_credit_alone_writes_what_it_writes_among_others(credit):
    wang, points = open_bank()
    among, growth = MemberFactory(), PointCurrencyFactory(growth=True)
    kept = [{**credit, "cause": "activity/core/1"}, {**credit, "cause": "activity/core/2"}]

    alone = [*post(asked(wang, points, 48, **kept[0])), *post(asked(wang, points, 7, **kept[1]))]
    together = post(*(asked(among, points, given, **more) for given, more in zip((48, 7), kept, strict=True)))
    post(asked(wang, growth, 5))
    post(asked(among, growth, 2), asked(among, growth, 3))

    assert alone == together
    assert purse_of(wang, points) == purse_of(among, points)
    for model, columns in ((Entry, ENTRY_COLUMNS), (Lot, LOT_COLUMNS)):
        rows = model.objects.filter(currency_id=points.pk).order_by("number").values_list(*columns)
        assert list(rows.filter(member_id=wang.pk)) == list(rows.filter(member_id=among.pk))
    assert books_ok()


@pytest.mark.parametrize("credit", CREDITS)
def test_a_batch_of_credits_writes_what_it_writes_beside_a_stranger(credit):
    wang, points = open_bank()
    among, growth = MemberFactory(), PointCurrencyFactory(growth=True)
    stranger = dataclasses.replace(asked(wang, points, 5), member_id=987_654)
    for member in (wang, among):
        post(asked(member, points, 1, cause="activity/core/0"))
        post(asked(member, growth, 1, cause="activity/core/0"))

    def batch(member):
        return [
            asked(member, points, 48, **credit, cause="activity/core/1"),
            asked(member, growth, 5, cause="activity/core/1"),
            asked(member, points, 7, **credit, cause="activity/core/2"),
        ]

    by_themselves = post(*batch(wang))
    *together, unknown = post(*batch(among), stranger)

    assert by_themselves == together
    assert unknown.outcome == "unknown_purse"
    for currency in (points, growth):
        assert purse_of(wang, currency) == purse_of(among, currency)
    for model, columns in ((Entry, ENTRY_COLUMNS), (Lot, LOT_COLUMNS)):
        rows = model.objects.order_by("currency_id", "number").values_list("currency_id", *columns)
        assert list(rows.filter(member_id=wang.pk)) == list(rows.filter(member_id=among.pk))
    assert books_ok()


def test_a_batch_of_plain_credits_looks_up_one_key_for_few_and_many():
    wang, points = open_bank()
    crowd = [wang, *MemberFactory.create_batch(9, branch=wang.branch)]
    post(*(asked(member, points, 1) for member in crowd))
    looked_up = []

    for size in (2, 10):
        with connection.cursor() as cursor:
            cursor.execute("SELECT idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'points_entry'")
            [[before]] = cursor.fetchall()
            answers = post(*(asked(member, points, 48) for member in crowd[:size] * 3))
            cursor.execute("SELECT idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'points_entry'")
            [[after]] = cursor.fetchall()
        assert outcomes(answers) == ["posted"] * size * 3
        looked_up.append(after - before)

    assert looked_up == [1, 1]
    assert books_ok()


def test_a_key_that_came_before_spoils_no_credit_of_its_batch():
    wang, points = open_bank()
    among = MemberFactory()
    first, other = asked(wang, points, 48), asked(wang, points, 7)
    post(first)
    post(asked(among, points, 1))

    answers = post(asked(among, points, 5), first, other, other, dataclasses.replace(first, points=49))

    assert outcomes(answers) == ["posted", "duplicate", "posted", "duplicate", "conflict"]
    assert (purse_of(wang, points)["available"], purse_of(among, points)["available"]) == (55, 6)
    assert Entry.objects.count() == Lot.objects.count() == 4
    assert books_ok()


def test_a_batch_of_credits_leaves_a_member_out_who_has_left():
    wang, points = open_bank()
    left = MemberFactory()
    post(asked(wang, points, 1), asked(left, points, 1))
    type(left).objects.filter(pk=left.pk).update(status="closed", closed_on=MONDAY)

    answers = post(asked(wang, points, 5), asked(left, points, 5), asked(wang, points, 7))

    assert outcomes(answers) == ["posted", "unknown_purse", "posted"]
    assert (purse_of(wang, points)["available"], purse_of(left, points)["available"]) == (13, 1)
    assert books_ok()


@pytest.mark.parametrize("kind", [Kind.REDEEM, Kind.CLAWBACK, Kind.ADJUST])
@pytest.mark.parametrize("spent", [10, 35, 60, 100, 101])
def test_a_debit_alone_takes_what_it_takes_among_others(spent, kind):
    wang, points = open_bank()
    among = MemberFactory()
    start_closing()
    finish_closing()
    days = (APRIL_END, datetime.date(2026, 12, 31), NEVER, MARCH_END, datetime.date(2027, 12, 31))
    for member in (wang, among):
        post(*(asked(member, points, 20, expires_on=day, occurred_on=TUESDAY) for day in days))

    [alone] = post(asked(wang, points, -spent, kind=kind, occurred_on=TUESDAY, cause="redemption/1"))
    [together, _other] = post(
        asked(among, points, -spent, kind=kind, occurred_on=TUESDAY, cause="redemption/1"),
        asked(MemberFactory(), points, 1, occurred_on=TUESDAY),
    )

    assert alone == together
    assert purse_of(wang, points) == purse_of(among, points)
    assert allocations(wang, points) == allocations(among, points)
    assert books_ok()


def test_pending_points_are_shown_and_not_spent():
    wang, points = open_bank()

    answers = post(asked(wang, points, 40, available_on=TUESDAY), asked(wang, points, 10), asked(wang, points, -20))

    assert outcomes(answers) == ["posted", "posted", "insufficient"]
    assert purse_of(wang, points) == {"available": 10, "pending": 40, "credited": 50, "entries": 2}
    assert books_ok()


def test_pending_points_are_free_as_soon_as_their_day_is_open_and_pay_what_is_owed():
    wang, points = open_bank()
    post(asked(wang, points, 40, available_on=TUESDAY), asked(wang, points, 30, available_on=MARCH_END))
    post(asked(wang, points, -15, kind=Kind.CLAWBACK))

    start_closing()
    answers = post(asked(wang, points, -25, occurred_on=TUESDAY))

    assert answers == [Answer("posted", 4, 30)]
    assert purse_of(wang, points) == {"pending": 30, "credited": 70, "debited": 40, "entries": 4}
    assert books_ok()


def test_a_credit_that_has_lapsed_is_booked_with_its_expiry():
    wang, points = open_bank()
    last_year = datetime.date(2025, 1, 20)

    answers = post(
        asked(wang, points, 30, occurred_on=last_year, expires_on=datetime.date(2026, 1, 31)),
        asked(wang, points, 7, occurred_on=last_year, expires_on=MONDAY),
        asked(wang, points, -8),
    )

    assert answers == [Answer("posted", 1, 30), Answer("posted", 3, 7), Answer("insufficient", None, None)]
    assert purse_of(wang, points) == {"available": 7, "credited": 37, "expired": 30, "entries": 3}
    expiry = Entry.objects.get(number=2)
    assert (expiry.kind, expiry.points, expiry.balance_after, expiry.cause) == (Kind.EXPIRE, -30, 0, "lot/1")
    assert (expiry.occurred_on, expiry.booked_on) == (datetime.date(2026, 1, 31), MONDAY)
    assert books_ok(as_of=datetime.date(2026, 3, 1))


def test_a_lapsed_credit_pays_nothing_that_is_owed():
    wang, points = open_bank()
    post(asked(wang, points, 1), asked(wang, points, -11, kind=Kind.CLAWBACK))

    post(asked(wang, points, 30, occurred_on=datetime.date(2025, 1, 20), expires_on=datetime.date(2026, 1, 31)))

    assert purse_of(wang, points) == {"owed": 10, "credited": 31, "debited": 11, "expired": 30, "entries": 4}
    assert books_ok()


def test_past_midnight_a_lapsed_lot_is_not_spent_though_its_day_is_still_closing():
    """D07: at 23:59 the points of MONDAY can be spent, at 00:00 not."""
    wang, points = open_bank()
    post(asked(wang, points, 30, expires_on=MONDAY), asked(wang, points, 10))
    [at_midnight_less_one] = post(asked(wang, points, -5))
    start_closing()

    answers = post(asked(wang, points, -11, occurred_on=TUESDAY), asked(wang, points, -10, occurred_on=TUESDAY))

    assert at_midnight_less_one.outcome == "posted"
    assert outcomes(answers) == ["insufficient", "posted"]
    assert purse_of(wang, points) == {"credited": 40, "debited": 15, "expired": 25, "entries": 5}
    assert books_ok(as_of=MONDAY)


def test_a_debit_of_the_next_day_leaves_alone_what_its_batch_credits_until_today():
    """One batch answers as its credits and then its debits would, posted one after the other."""
    wang, points = open_bank()
    li, zhao = MemberFactory(), MemberFactory()

    answers = post(
        asked(wang, points, -10, occurred_on=TUESDAY),
        asked(wang, points, 30, expires_on=MONDAY),
        asked(li, points, 5),
        asked(zhao, points, 20, expires_on=TUESDAY),
        asked(zhao, points, -20, occurred_on=TUESDAY),
    )

    assert outcomes(answers) == ["insufficient", "posted", "posted", "posted", "posted"]
    assert purse_of(wang, points) == {"credited": 30, "expired": 30, "entries": 2}
    assert purse_of(zhao, points) == {"credited": 20, "debited": 20, "entries": 2}
    assert books_ok()


def test_a_clawback_past_midnight_leaves_lapsed_points_alone_and_owes():
    wang, points = open_bank()
    post(asked(wang, points, 30, expires_on=MONDAY), asked(wang, points, 10))
    start_closing()

    post(asked(wang, points, -15, kind=Kind.CLAWBACK, occurred_on=TUESDAY))

    assert purse_of(wang, points) == {"owed": 5, "credited": 40, "debited": 15, "expired": 30, "entries": 4}
    assert books_ok(as_of=MONDAY)


def test_growth_points_have_entries_only_and_are_never_spent():
    wang, _points = open_bank()
    growth = PointCurrencyFactory(growth=True)

    answers = post(
        asked(wang, growth, 100),
        asked(wang, growth, -10),
        asked(wang, growth, -30, kind=Kind.CLAWBACK),
        asked(wang, growth, -71, kind=Kind.ADJUST),
        asked(wang, growth, -20, kind=Kind.ADJUST),
        asked(wang, growth, -60, kind=Kind.CLAWBACK),
    )

    assert outcomes(answers) == ["posted", "insufficient", "posted", "insufficient", "posted", "posted"]
    assert purse_of(wang, growth) == {"owed": 10, "credited": 100, "debited": 110, "entries": 4}
    assert (Lot.objects.count(), Allocation.objects.count()) == (0, 0)
    post(asked(wang, growth, 25))
    assert purse_of(wang, growth) == {"available": 15, "credited": 125, "debited": 110, "entries": 5}
    assert books_ok()


def test_a_late_fact_is_booked_on_the_first_open_date_and_a_later_one_on_its_own():
    wang, points = open_bank()

    post(asked(wang, points, 1, occurred_on=datetime.date(2025, 12, 31)), asked(wang, points, 2, occurred_on=TUESDAY))

    assert list(Entry.objects.order_by("number").values_list("booked_on", flat=True)) == [MONDAY, TUESDAY]
    assert Purse.objects.get().last_booked_on == TUESDAY


def test_while_a_date_is_closing_the_counter_books_on_the_next_and_the_night_on_the_closing_one():
    wang, points = open_bank()
    start_closing()

    post(asked(wang, points, 1))
    post(asked(wang, points, 2), business_date=MONDAY)

    assert list(Entry.objects.order_by("number").values_list("points", "booked_on")) == [(1, TUESDAY), (2, MONDAY)]


def test_each_number_of_a_purse_is_its_own_and_dense():
    wang, points = open_bank()
    li, growth = MemberFactory(), PointCurrencyFactory(growth=True)

    post(*(asked(who, what, 5) for who in (wang, li) for what in (points, growth) for _ in range(3)))

    numbers = Entry.objects.order_by("member_id", "currency_id", "number").values_list("number", flat=True)
    assert list(numbers) == [1, 2, 3] * 4
    assert books_ok()


def test_a_missing_month_of_lots_is_made_on_the_way():
    wang, points = open_bank()

    post(asked(wang, points, 5, expires_on=datetime.date(2031, 8, 15)), asked(wang, points, 5))

    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM points_lot ORDER BY number")
        assert cursor.fetchall() == [("points_lot_203108",), ("points_lot_never",)]


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ({"points": 0}, ledger.PointsOutOfRange),
        ({"points": 10**12 + 1}, ledger.PointsOutOfRange),
        ({"points": 2**63}, ledger.PointsOutOfRange),
        ({"points": -(2**63), "kind": Kind.REDEEM}, ledger.PointsOutOfRange),
        ({"kind": Kind.REDEEM}, ledger.KindAgainstSign),
        ({"points": -1, "kind": Kind.EARN}, ledger.KindAgainstSign),
        ({"points": -1, "kind": Kind.EXPIRE}, ledger.UnknownKind),
        ({"kind": 9}, ledger.UnknownKind),
        ({"currency_id": 999}, ledger.UnknownPointCurrency),
    ],
)
def test_a_posting_that_no_ledger_could_take_refuses_its_batch(fault, refusal):
    """E06, E15: and nothing of the batch is written."""
    wang, points = open_bank()
    post(asked(wang, points, 100))
    good = asked(wang, points, 5)

    with pytest.raises(refusal):
        in_savepoint(good, dataclasses.replace(asked(wang, points, 7), **fault))

    assert purse_of(wang, points) == {"available": 100, "credited": 100, "entries": 1}


@pytest.mark.parametrize("date", [datetime.date(2026, 2, 27), MONDAY, TUESDAY])
def test_only_a_date_that_is_closing_is_booked_on_by_name(date):
    """E15: not one that is closed, open or unknown."""
    wang, points = open_bank()
    if date != MONDAY:
        start_closing()

    with pytest.raises(ledger.BusinessDateNotClosing):
        in_savepoint(asked(wang, points, 5), business_date=date)

    assert Entry.objects.count() == 0


def test_a_closed_date_is_not_booked_on():
    wang, points = open_bank()
    start_closing()
    finish_closing()

    with pytest.raises(ledger.BusinessDateNotClosing):
        in_savepoint(asked(wang, points, 5), business_date=MONDAY)


def test_nothing_is_booked_before_it_happened():
    wang, points = open_bank()
    start_closing()

    with pytest.raises(ledger.BookedBeforeItHappened):
        in_savepoint(asked(wang, points, 5, occurred_on=TUESDAY), business_date=MONDAY)


def test_one_posting_and_ten_thousand_take_a_constant_number_of_statements():
    wang, points = open_bank()
    crowd = [MemberFactory(branch=wang.branch) for _ in range(20)]

    counts = {}
    for size in (1, 1_000, 1_001, 10_000):
        batch = [asked(crowd[n % 20], points, 1 + n % 7) for n in range(size)]
        with CaptureQueriesContext(connection) as queries:
            answers = ledger.post(batch, actor=CLERK)
        counts[size] = len(queries)
        assert outcomes(answers) == ["posted"] * size

    # Above 1,000: empty the stage, COPY, count, post; COPY is counted by none, being no statement of the ORM's cursor.
    assert counts == {1: 1, 1_000: 1, 1_001: 4, 10_000: 4}
    assert books_ok()


def test_a_stage_larger_than_a_slice_is_posted_in_member_ranges(monkeypatch):
    monkeypatch.setattr(ledger, "SLICE", 40)
    monkeypatch.setattr(ledger, "LITERALS", 10)
    wang, points = open_bank()
    crowd = [MemberFactory(branch=wang.branch) for _ in range(30)]
    batch = [asked(who, points, 3 + n) for n in range(4) for who in crowd] + [asked(crowd[3], points, -1)] * 2

    answers = ledger.post(batch, actor=CLERK)

    assert outcomes(answers) == ["posted"] * 121 + ["duplicate"]
    assert [answer.number for answer in answers[:31]] == [1] * 30 + [2]
    assert books_ok()


def test_a_staged_batch_answers_with_the_number_of_each_outcome():
    wang, points = open_bank()
    ledger.stage()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO posting (seq, member_id, currency_id, key, kind, points, occurred_on, cause)"
            " SELECT n, CASE WHEN n < 5 THEN %s ELSE 0 END, %s, md5(n::text)::uuid, 1, n, %s, n FROM generate_series(1, 7) n",
            [wang.pk, points.pk, MONDAY],
        )

    counts = ledger.post_staged(actor=CLERK)

    assert counts == {"posted": 4, "unknown_purse": 3}
    assert purse_of(wang, points) == {"available": 10, "credited": 10, "entries": 4}
