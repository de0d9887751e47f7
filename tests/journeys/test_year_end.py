"""New Year's Eve (D10): review, expiry, totals and seal are of one business date, whatever is booked after midnight, and they tie."""

import datetime

import pytest
from django.db.models import Sum

from books import reporting
from books.models import DailyBalance, DailyStock, DailyTotal, JournalLine
from foundation.jobs import closing
from foundation.jobs.models import JobRun
from members.models import Member
from membership_site.closing import NIGHT
from points import ledger
from points.models import Entry, Kind, Lot, PointCurrency, Seal
from tests import banks
from tests.points.cast import CLERK, asked
from tiers.models import Decision

pytestmark = pytest.mark.django_db

EVE = datetime.date(2026, 12, 31)
NEW_YEAR = EVE + datetime.timedelta(days=1)


def test_the_last_date_of_a_year_is_reviewed_expired_totalled_and_sealed_as_one():
    banks.open_bank(first_business_date=EVE, members=4, days=6)
    PointCurrency.objects.filter(kind="reward").update(worth_minor=1)
    reward = PointCurrency.objects.get(kind="reward")
    member = Member.objects.earliest("id")
    on_the_eve = ((500, EVE), (70, NEW_YEAR))
    ledger.post([asked(member, reward, n, occurred_on=EVE, expires_on=day) for n, day in on_the_eve], actor=CLERK)
    # Midnight has passed, the night has not: these belong to the new year.
    ledger.post([asked(member, reward, 900, occurred_on=NEW_YEAR, expires_on=NEW_YEAR)], actor=CLERK)
    ledger.post([asked(member, reward, -40, occurred_on=NEW_YEAR)], actor=CLERK)

    closing.close(job=NIGHT, through=EVE, today=NEW_YEAR, who="test")

    booked = Entry.objects.filter(booked_on__lte=EVE, currency_id=reward.pk)
    balance = DailyBalance.objects.get(business_date=EVE, currency=reward)
    [found] = reporting.liability(as_of=EVE)
    assert balance.closing == found.points == booked.aggregate(sum=Sum("points"))["sum"]
    expired = DailyTotal.objects.get(business_date=EVE, currency=reward, kind=Kind.EXPIRE)
    assert expired.debited == JournalLine.objects.get(business_date=EVE, event="expire").points == 500
    assert not DailyStock.objects.filter(business_date=EVE, currency=reward, expires_in__lte=EVE).exists()
    assert not Lot.objects.filter(expires_on__lte=EVE, remaining__gt=0).exists()
    night = JobRun.objects.get(job=NIGHT.name)
    assert (night.business_date, night.counts["review"]["counts"]["reviewed"]) == (EVE, 4)
    assert not Decision.objects.exclude(as_of=EVE).exists()
    seal = Seal.objects.get(pk=EVE)
    assert seal.entries == sum(DailyBalance.objects.filter(business_date=EVE).values_list("entries", flat=True))
    assert seal.points[f"{reward.pk}"] == balance.closing

    closing.close(job=NIGHT, through=NEW_YEAR, today=NEW_YEAR + datetime.timedelta(days=1), who="test")

    year = DailyBalance.objects.get(business_date=NEW_YEAR, currency=reward)
    of_member = {"business_date": NEW_YEAR, "currency": reward}
    assert year.opening == balance.closing
    assert (
        DailyTotal.objects.filter(kind=Kind.EXPIRE, **of_member).aggregate(sum=Sum("debited"))["sum"] == 70 + 900 - 40
    )
