"""The proof finds each kind of damage that somebody with the owner's password could do; this is E12."""

import datetime
import uuid

import pytest
from django.db import connections, transaction

from foundation import transactions
from points import ledger, proving, redeeming, restoring, transferring
from points.models import Kind, Redemption
from tests.factories import MemberFactory, PointCurrencyFactory
from tests.points.cast import APRIL_END, CLERK, MONDAY, NOON, TUESDAY, asked, open_bank, start_closing

NAMES = [*proving.INVARIANTS, proving.OF_ALL]


def a_month_of_business():
    """Post a little of everything for two members; return the second one's purse "member/currency"."""
    wang, points = open_bank()
    li, growth = MemberFactory(), PointCurrencyFactory(growth=True)
    batch = [
        asked(who, points, n, expires_on=day)
        for who in (wang, li)
        for n, day in ((10, APRIL_END), (20, None), (15, MONDAY))
    ]
    batch += [asked(who, points, -12) for who in (wang, li)] + [asked(who, growth, 30) for who in (wang, li)]
    transactions.commit(ledger.post, batch=batch, actor=CLERK)
    transactions.commit(ledger.post, batch=[asked(wang, points, -40, kind=Kind.CLAWBACK)], actor=CLERK)
    return f"{li.pk}/{points.pk}"


def test_a_redemption_without_its_entry_or_half_given_back_is_found(committed):
    purse = a_month_of_business()
    member, currency = (int(part) for part in purse.split("/"))
    wishes = [
        redeeming.Wish(member_id=member, currency_id=currency, points=5, caller="client 1", reference=one, purpose="")
        for one in "ab"
    ]
    first, second = transactions.commit(redeeming.redeem_each, wishes=wishes, at=NOON, actor=CLERK)
    transactions.commit(restoring.cancel_each, redemption_ids=[first.redemption.pk], at=NOON, actor=CLERK)

    assert broken() == {}
    for change in ({"points": 6}, {"entry_number": 99}, {"state": "cancelled", "cancelled_at": NOON}):
        with transaction.atomic():
            Redemption.objects.filter(pk=second.redemption.pk).update(**change)
            assert broken() == {"redemption_has_its_entry": [purse]}
            transaction.set_rollback(True)
    Redemption.objects.filter(pk=first.redemption.pk).update(state="done", cancelled_at=None)
    assert broken() == {"redemption_has_its_entry": [purse]}


def damage(sql):
    """Change the tables as their owner, with the triggers that guard them switched off."""
    with connections["owner"].cursor() as cursor:
        for table in ("points_entry", "points_allocation"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER written_once")
        cursor.execute(sql)
        for table in ("points_entry", "points_allocation"):
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER written_once")


def broken(**more):
    """Return the examples of each invariant that the proof found broken."""
    results = proving.prove(as_of=datetime.date(2026, 3, 1), **more)
    return {name: result["examples"] for name, result in results.items() if result["violations"]}


def test_sound_books_are_proved_all_and_counted(committed):
    a_month_of_business()

    results = proving.prove(as_of=datetime.date(2026, 3, 1))

    assert list(results) == NAMES
    assert {name: result["violations"] for name, result in results.items()} == dict.fromkeys(NAMES, 0)
    assert results["purse_equals_entries"] == {"violations": 0, "checked": 4, "examples": []}
    assert {name: result["checked"] for name, result in results.items()} == dict.fromkeys(NAMES, 4) | {
        "lot_equals_allocations": 2,
        "debit_equals_allocations": 2,
        "nothing_lapsed_remains": 0,
        "transfers_in_flight": 0,
    }


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (
            "UPDATE points_purse SET available = available + 1, credited = credited + 1",
            {"purse_equals_entries", "purse_equals_lots"},
        ),
        (
            "UPDATE points_entry SET points = 11, balance_after = balance_after + 1 WHERE number = 1",
            {"purse_equals_entries", "lot_equals_allocations", "balance_runs"},
        ),
        (
            "UPDATE points_lot SET remaining = remaining - 1 WHERE number = 2",
            {"purse_equals_lots", "lot_equals_allocations"},
        ),
        ("UPDATE points_lot SET points = points + 1 WHERE number = 2", {"lot_equals_allocations"}),
        ("DELETE FROM points_allocation", {"lot_equals_allocations", "debit_equals_allocations"}),
        ("UPDATE points_allocation SET debit_number = 2", {"debit_equals_allocations"}),
        ("DELETE FROM points_lot WHERE number = 3", {"purse_equals_lots", "lot_equals_allocations"}),
        ("UPDATE points_entry SET balance_after = 7 WHERE number = 3", {"balance_runs"}),
        ("UPDATE points_entry SET cause = '' WHERE number = 1", {"earn_has_one_cause"}),
        ("UPDATE points_entry SET cause = 'activity/core/1' WHERE kind = 1", {"earn_has_one_cause"}),
        ("UPDATE points_entry SET number = 9 WHERE number = 4", {"numbers_dense", "debit_equals_allocations"}),
        ("DELETE FROM points_purse", {"entry_has_its_purse"}),
    ],
)
def test_a_planted_fault_is_found_and_names_its_purse(committed, sql, found):
    purse = a_month_of_business()
    member, currency = purse.split("/")
    where = f"member_id = {member} AND currency_id = {currency}"

    damage(f"{sql} AND {where}" if "WHERE" in sql else f"{sql} WHERE {where}")

    assert broken() == {name: [purse] for name in found}


def test_an_entry_of_a_member_who_is_not_there_is_found(committed):
    open_bank()

    damage("INSERT INTO points_purse (member_id, currency_id) SELECT 4711, id FROM points_pointcurrency")

    assert list(broken()) == ["entry_has_its_purse"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM outbox_obligation",
        "UPDATE outbox_obligation SET done_at = now()",
        "UPDATE outbox_obligation SET key = 'another'",
    ],
)
def test_a_transfer_in_flight_that_nobody_is_owed_is_found(committed, sql):
    purse = a_month_of_business()
    member, currency = map(int, purse.split("/"))
    transactions.commit(
        transferring.transfer,
        from_member_id=member,
        to_member_id=MemberFactory().pk,
        currency_id=currency,
        points=5,
        key=uuid.uuid4(),
        reference="gift",
        occurred_on=MONDAY,
        at=datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC),
        actor=CLERK,
    )
    assert broken() == {}

    damage(sql)

    assert broken() == {"transfers_in_flight": [purse]}


def test_what_has_lapsed_and_still_remains_is_found(committed):
    purse = a_month_of_business()

    results = proving.prove(as_of=MONDAY)

    result = results["nothing_lapsed_remains"]
    assert (result["violations"], result["checked"], result["examples"]) == (1, 2, [purse])


@pytest.mark.parametrize(
    ("sql", "day"),
    [
        ("UPDATE points_purse SET available = available + 1, credited = credited + 1", APRIL_END),
        ("UPDATE points_entry SET points = points + 1 WHERE number = 2", TUESDAY),
        ("UPDATE points_entry SET balance_after = balance_after + 1 WHERE number = 2", TUESDAY),
        ("UPDATE points_lot SET remaining = remaining - 1 WHERE number = 2", TUESDAY),
        ("UPDATE points_allocation SET points = points + 1 WHERE debit_number = 3", MONDAY),
        ("DELETE FROM points_entry WHERE number = 1", TUESDAY),
    ],
)
def test_a_drift_of_one_point_names_its_purse_and_the_day_it_begins(committed, sql, day):
    """E12. The second of four entries is Tuesday's, the third takes all of Monday's and a part of Tuesday's points."""
    wang, points = open_bank()
    business = ((20, MONDAY), (30, TUESDAY), (-25, TUESDAY + datetime.timedelta(days=1)), (7, APRIL_END))
    for n, date in business:
        transactions.commit(ledger.post, batch=[asked(wang, points, n, occurred_on=date)], actor=CLERK)
    purse = f"{wang.pk}/{points.pk}"

    damage(sql)

    results = {name: result for name, result in proving.prove(as_of=MONDAY).items() if result["violations"]}
    assert results
    for result in results.values():
        assert (result["examples"], result["since"]) == ([purse], {purse: f"{day}"})


def test_a_night_proves_the_purses_of_its_chunk_that_were_touched(committed):
    purse = a_month_of_business()
    member = int(purse.split("/")[0])
    start_closing()
    damage(f"UPDATE points_purse SET available = available + 1, credited = credited + 1 WHERE member_id = {member}")

    assert set(broken(touched_since=MONDAY, first_member=member, last_member=member)) == {
        "purse_equals_entries",
        "purse_equals_lots",
    }
    assert broken(touched_since=MONDAY, first_member=0, last_member=member - 1) == {}
    assert broken(touched_since=MONDAY + datetime.timedelta(days=1)) == {}
