"""A whole small bank to close nights of: configured, with members, accounts, activities and balances, all by formula."""

import datetime
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import Model

from activity import recording
from activity.reports import ActivityReport, SnapshotReport
from books.models import ChunkTotal, DailyBalance, DailyStock, DailyTotal, JournalLine
from campaigns.models import CapUse
from foundation import transactions
from foundation.access.models import Branch
from foundation.actors import Actor
from foundation.jobs.models import BusinessDate, JobRun
from membership_site.configuring import configure
from points.models import Allocation, Entry, Lot, Purse
from tests.factories import AccountFactory, MemberFactory
from tiers.models import Decision, RunningTotal, Standing

BERKA_BANK = Path(__file__).parent / "profiles" / "berka_bank.toml"
ACTOR = Actor.job("test")


def open_bank(*, first_business_date: datetime.date, members: int, days: int) -> None:
    """Configure the bank, with caps, and let `members` members do a thing on every second of `days` days around its first date.

    Half of the days lie before the first business date. 37 amounts in turn, so that neighbours differ.
    """
    document = tomllib.loads(BERKA_BANK.read_text(), parse_float=Decimal)
    document["earning_rules"][0] |= {"cap_per_day": 20, "cap_per_month": 40, "first_time_bonus": 7}
    at = datetime.datetime.combine(first_business_date, datetime.time(4), datetime.UTC)
    transactions.commit(configure, document=document, at=at, actor=ACTOR, first_business_date=first_business_date)
    branch = Branch.objects.get()
    joined_on = first_business_date - datetime.timedelta(days=800)
    accounts = [
        AccountFactory(member=MemberFactory(branch=branch, joined_on=joined_on), opened_on=joined_on)
        for _ in range(members)
    ]
    activities, snapshots = [], []
    for number, account in enumerate(accounts):
        for day in range(number % 2, days, 2):
            moment = at + datetime.timedelta(days=day - days // 2)
            activities.append(
                ActivityReport(
                    source="core",
                    external_id=f"{number}-{day}",
                    kind="cash_withdrawal",
                    direction="debit",
                    member_number=account.member.number,
                    account_number=account.number,
                    amount_minor=(number * 7 + day) % 37 * 10_000 + 99,
                    occurred_at=moment,
                )
            )
            snapshots.append(
                SnapshotReport(
                    source="core",
                    account_number=account.number,
                    day=moment.date(),
                    amount_minor=(number * 5 + day) % 41 * 100_000,
                )
            )
    transactions.commit(recording.record_activities, reports=activities, actor=ACTOR)
    transactions.commit(recording.record_snapshots, reports=snapshots, actor=ACTOR)


def figures() -> dict[str, list[tuple[Any, ...]]]:
    """Return everything that nights have written, without the instants, in the order of its keys."""

    def rows(model: type[Model], *fields: str, **narrowed: Any) -> list[tuple[Any, ...]]:
        return sorted(model.objects.filter(**narrowed).values_list(*fields))

    entry = (
        "member_id",
        "currency_id",
        "number",
        "kind",
        "points",
        "balance_after",
        "event_key",
        "occurred_on",
        "booked_on",
    )
    place = ("branch_id", "rule_version_id", "expires_in")
    return {
        "chunks": rows(ChunkTotal, "business_date", "first_member"),
        "moved": rows(DailyTotal, "business_date", "currency_id", "kind", *place, "credited", "debited", "entries"),
        "stock": rows(DailyStock, "business_date", "currency_id", *place, "points"),
        "balances": rows(DailyBalance, "business_date", "currency_id", "opening", "closing", "entries"),
        "journal": rows(JournalLine, "business_date", "currency_id", "event", "points", "amount_minor"),
        "dates": rows(BusinessDate, "date", "status"),
        "runs": rows(JobRun, "business_date", "status", job="close_day"),
        "purses": rows(Purse, "member_id", "currency_id", "available", "credited", "debited", "expired", "entries"),
        "entries": rows(Entry, *entry),
        "lots": rows(Lot, "member_id", "currency_id", "expires_on", "number", "points", "remaining", "expired"),
        "allocations": rows(Allocation, "member_id", "currency_id", "debit_number", "lot_number", "points"),
        "caps": rows(CapUse, "member_id", "rule_id", "currency_id", "period", "starts_on", "points"),
        "totals": rows(RunningTotal, "member_id", "series_id", "day", "level", "total"),
        "decisions": rows(Decision, "member_id", "programme__code", "as_of", "to_tier__code", "outcome"),
        "standings": rows(Standing, "member_id", "programme__code", "tier__code", "since"),
    }
