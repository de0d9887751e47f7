"""Once a week a past month, drawn by lot, is held against its entries: who edited one is found though nobody asked (E13)."""

import datetime
import random

import pytest
from django.db import connections, transaction
from django.test import Client

from foundation.access.models import Role
from foundation.jobs.models import BusinessDate, JobRun
from membership_site import rechecking
from tests.console.conftest import posted
from tests.factories import BranchFactory
from tests.points.cast import asked, close_with_seal, open_bank, post

JANUARY, FEBRUARY, SUNDAY = datetime.date(2026, 1, 30), datetime.date(2026, 2, 27), datetime.date(2026, 3, 1)
AT = datetime.datetime(2026, 3, 1, 17, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def sealed_bank(committed) -> None:
    """A bank with one entry and a seal on every date from the end of January to the first Sunday in March."""
    wang, points = open_bank()
    with transaction.atomic():
        BusinessDate.objects.update(date=JANUARY)
        for date in (JANUARY + n * DAY for n in range((SUNDAY - JANUARY).days + 1)):
            post(asked(wang, points, 5, occurred_on=date))
            close_with_seal(date)


class Lot(random.Random):
    """Draws the month it is told, and remembers what it was offered."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place, self.offered = place, None

    def choice(self, offered):
        self.offered = offered
        return offered[self.place]


def edit_an_entry_of(date: datetime.date) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE points_entry DISABLE TRIGGER written_once")
        cursor.execute("UPDATE points_entry SET cause = 'mine' WHERE booked_on = %s", [date])


def test_an_honest_month_is_noted_once_a_week(sealed_bank):
    lot = Lot(0)

    rechecking.recheck_where_due(at=AT, lot=lot)
    rechecking.recheck_where_due(at=AT + DAY)

    run = JobRun.objects.get(job="recheck_seals")
    assert lot.offered == [datetime.date(2026, 1, 1), datetime.date(2026, 2, 1)]
    assert (run.business_date, run.status, run.error) == (SUNDAY, "done", "")
    assert run.counts == {
        "month": "2026-01",
        "sealed_entries_unchanged": {"violations": 0, "checked": 2, "examples": []},
    }


def test_an_edited_month_fails_the_run_names_the_day_and_stands_on_the_home_and_in_the_metrics(sealed_bank, settings):
    settings.METRICS_TOKEN = ""
    edit_an_entry_of(FEBRUARY)
    compliance = Client()
    compliance.force_login(posted(Role.COMPLIANCE, BranchFactory()))

    rechecking.recheck_where_due(at=AT, lot=Lot(1))

    run = JobRun.objects.get(job="recheck_seals")
    assert (run.status, run.error) == ("failed", "seals of 2026-02-27 don't hold: entries_differ")
    assert run.counts["sealed_entries_unchanged"] == {"violations": 1, "checked": 28, "examples": ["2026-02-27"]}
    assert "Recheck of seals of 1 Mar 2026 failed in step 2026-02." in compliance.get("/console/").content.decode()
    metrics = Client().get("/metrics").content.decode()
    assert 'loyalty_ledger_invariant_violations{invariant="sealed_entries_unchanged"} 1.0' in metrics


def test_before_the_first_close_and_without_seals_there_is_nothing_to_recheck(db):
    open_bank()
    rechecking.recheck_where_due(at=AT)
    BusinessDate.objects.update(status="closed")

    rechecking.recheck_where_due(at=AT)

    assert not JobRun.objects.exists()
