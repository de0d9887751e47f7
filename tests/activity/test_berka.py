"""A real bank's files through its profile, counted against the data's own README."""

import datetime
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from activity.models import Activity, BalanceSnapshot, Holding, Intake
from members.models import Account, Member
from members.sealing import open_person
from tests.factories import BankFactory, BranchFactory

BERKA = Path(__file__).resolve().parents[3] / "shared" / "data" / "berka"
PROFILE = Path(__file__).resolve().parents[1] / "profiles" / "berka.toml"
FIRST = datetime.date(1994, 3, 30)

pytestmark = pytest.mark.skipif(not BERKA.is_dir(), reason="the Berka data (../shared/data/berka) is not here")


def intake():
    answer = StringIO()
    call_command("intake", "--profile", str(PROFILE), str(BERKA), "--json", stdout=answer)
    return json.loads(answer.getvalue())


@pytest.fixture
def bank(committed):
    BankFactory(currency="CZK", first_business_date=FIRST)
    BranchFactory(code="berka")


def test_everything_comes_in_once(bank):
    first = intake()
    again = intake()

    assert first["targets"] == {
        "members": {"enrolled": 4500},
        "accounts": {"opened": 4500},
        "activities": {"recorded": 46_997},
        "snapshots": {"recorded": 38_821, "superseded": 8_176},
        "holdings": {"recorded": 8_045},
    }  # fmt: skip
    assert first["refused"] == again["refused"] == 0
    assert again["targets"] == {
        "members": {"unchanged": 4500},
        "accounts": {"unchanged": 4500},
        "activities": {"duplicate": 46_997},
        "snapshots": {"duplicate": 38_821, "superseded": 8_176},
        "holdings": {"duplicate": 8_045},
    }
    assert (Member.objects.count(), Account.objects.count(), Activity.objects.count()) == (4500, 4500, 46_997)
    assert (BalanceSnapshot.objects.count(), Holding.objects.count()) == (38_821, 892 + 682 + 6471)
    assert set(Activity.objects.values_list("booked_on", flat=True).distinct()) == {FIRST}
    assert Intake.objects.filter(finished_at__isnull=False).count() == 2
    owner = Account.objects.get(number="2").member
    assert open_person(owner.person).birth_date == datetime.date(1945, 2, 4)
    day = BalanceSnapshot.objects.get(account_id=owner.accounts.get().pk, day=datetime.date(1993, 3, 12))
    assert day.amount_minor == 2_133_600
