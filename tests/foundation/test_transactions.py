"""A transaction that the database, or a verb, asks for once more is run whole again; in vain for long, the caller is told when."""

import pytest
from django.db import OperationalError, connection

from foundation import transactions
from foundation.jobs.models import Bank
from foundation.transactions import TRIES, Again
from foundation.web import outages
from tests.factories import BankFactory

PLEA = "DO $$ BEGIN RAISE EXCEPTION 'post again' USING ERRCODE = 'serialization_failure'; END $$"


def lose():
    with connection.cursor() as cursor:
        cursor.execute(PLEA)


def ask():
    raise Again


@pytest.mark.parametrize("fail", [lose, ask])
def test_what_is_asked_for_again_is_run_whole_again(committed, fail):
    BankFactory(name="")
    tried = []

    def verb():
        Bank.objects.update(name=f"{Bank.objects.get().name}x")
        tried.append(1)
        if len(tried) < 6:
            fail()
        return "done"

    assert transactions.commit(verb) == "done"

    assert (len(tried), Bank.objects.get().name) == (6, "x")


@pytest.mark.parametrize("fail", [lose, ask])
def test_in_vain_it_ends_as_a_service_that_is_busy(committed, fail):
    tried = []

    def verb():
        tried.append(1)
        fail()

    with pytest.raises((OperationalError, Again)) as error:
        transactions.commit(verb)

    assert len(tried) == TRIES
    assert outages.is_database_away(error.value)
