"""A call that is one statement is a transaction of its own: committed whole, undone whole, and never two statements."""

import pytest
from django.db import connection, transaction

from foundation import transactions
from foundation.transactions import in_transaction, one_statement
from points import ledger
from points.models import Entry, Kind, Purse
from tests.points.cast import CLERK, asked, books_ok, open_bank


@one_statement(where=lambda **_: True)
@in_transaction
def say_two(*, first, second):
    """Say two statements, though marked as one."""
    with connection.cursor() as cursor:
        cursor.execute(first)
        cursor.execute(second)


def test_a_post_committed_by_itself_is_one_trip(committed, django_assert_num_queries):
    wang, points = open_bank()

    with django_assert_num_queries(1) as seen:
        [answer] = transactions.commit(ledger.post, batch=[asked(wang, points, 48)], actor=CLERK)

    assert answer.outcome == "posted"
    assert not any(query["sql"].startswith(("BEGIN", "COMMIT")) for query in seen)
    connection.close()  # what is seen by a new connection was committed
    assert Entry.objects.count() == 1
    assert books_ok()


def test_a_refused_post_leaves_nothing_and_the_connection_works(committed):
    wang, points = open_bank()
    good, bad = asked(wang, points, 48), asked(wang, points, 48, kind=Kind.REDEEM)

    with pytest.raises(ledger.KindAgainstSign):
        transactions.commit(ledger.post, batch=[good, bad], actor=CLERK)

    assert not Purse.objects.exists()
    assert not Entry.objects.exists()
    assert transactions.commit(ledger.post, batch=[good], actor=CLERK)[0].outcome == "posted"


def test_a_broken_connection_is_made_anew_for_the_next_call(committed):
    wang, points = open_bank()
    connection.ensure_connection()
    connection.connection.close()

    with pytest.raises(Exception, match="closed"):
        transactions.commit(ledger.post, batch=[asked(wang, points, 48)], actor=CLERK)

    assert transactions.commit(ledger.post, batch=[asked(wang, points, 48)], actor=CLERK)[0].outcome == "posted"


def test_a_second_statement_is_not_said(committed):
    open_bank()

    with pytest.raises(RuntimeError, match="says a second"):
        transactions.commit(say_two, first="SELECT 1", second="UPDATE jobs_bank SET name = 'other'")

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM jobs_bank WHERE name = 'other'")
        assert cursor.fetchall() == [(0,)]


def test_inside_a_transaction_no_call_is_one_of_its_own(committed):
    wang, points = open_bank()

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        transactions.commit(ledger.post, batch=[asked(wang, points, 48)], actor=CLERK)

    assert not Entry.objects.exists()


def test_a_verb_outside_any_transaction_is_still_refused(committed):
    wang, points = open_bank()

    with pytest.raises(RuntimeError, match="must stand in a transaction"):
        ledger.post([asked(wang, points, 48)], actor=CLERK)

    assert not Entry.objects.exists()


def test_what_is_more_than_one_statement_has_a_transaction(committed, monkeypatch):
    monkeypatch.setattr(ledger, "LITERALS", 1)
    wang, points = open_bank()

    answers = transactions.commit(ledger.post, batch=[asked(wang, points, 48), asked(wang, points, 7)], actor=CLERK)

    assert [answer.outcome for answer in answers] == ["posted", "posted"]
    assert books_ok()
