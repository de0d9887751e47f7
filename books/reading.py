"""Reading the books date by date: control totals, what moved by kind, the journal, the seal, and the proofs that they tie."""

import datetime
from typing import Any

from django.db.models import OuterRef, Subquery, Sum
from django.utils.translation import gettext_lazy as _

from books import journalling
from books.models import KINDS, DailyBalance, DailyTotal
from foundation.jobs.models import BusinessDate, JobRun
from points.models import Seal

PAGE = 31
# What each invariant says, in words; a new one shows its name until it has some.
SAYS = {
    "purse_equals_entries": _("A purse is the sum of its entries."),
    "purse_equals_lots": _("What a purse has is what remains in its lots."),
    "lot_equals_allocations": _("What a lot had is what remains, has expired and was used of it."),
    "debit_equals_allocations": _("What a debit took is what was used of lots."),
    "nothing_below_zero": _("Nothing is below zero but by what is owed."),
    "earn_has_one_cause": _("Every earning has a cause, and none earned twice."),
    "nothing_lapsed_remains": _("What has lapsed is gone."),
    "numbers_dense": _("Entries are numbered without a gap."),
    "balance_runs": _("Each balance is the one before and the entry's points."),
    "entry_has_its_purse": _("No entry and no lot stands outside a purse."),
    "books_tie": _("Every date's totals are those of its entries."),
    "seals_verify": _("Every closed date has its seal, signed, after the one before."),
    "sealed_entries_unchanged": _("The entries are those that were sealed."),
}


def days(*, before: datetime.date | None, limit: int = PAGE) -> tuple[list[dict[str, Any]], datetime.date | None]:
    """Return the last totalled dates before one (None: of all), each with its balances and its seal, and where the next page begins."""
    balances = DailyBalance.objects.all() if before is None else DailyBalance.objects.filter(business_date__lt=before)
    dates = list(balances.order_by("-business_date").values_list("business_date", flat=True).distinct()[: limit + 1])
    shown = dates[:limit]
    seal = Seal.objects.filter(pk=OuterRef("business_date")).values("digest")
    rows = (
        DailyBalance.objects.filter(business_date__in=shown)
        .annotate(digest=Subquery(seal))
        .select_related("currency")
        .order_by("-business_date", "currency_id")
    )
    by_date: dict[datetime.date, dict[str, Any]] = {date: {"date": date, "balances": []} for date in shown}
    for row in rows:
        by_date[row.business_date]["balances"].append(row)
        by_date[row.business_date]["digest"] = row.digest
    return list(by_date.values()), shown[-1] if len(dates) > limit else None


def day(date: datetime.date) -> dict[str, Any]:
    """Return a totalled date's balances, its totals by currency and kind, its journal (of a closed date) and its seal."""
    totals = DailyTotal.objects.filter(business_date=date).values("currency_id", "kind")
    balances = list(DailyBalance.objects.filter(business_date=date).select_related("currency").order_by("currency_id"))
    currencies, names = {balance.currency_id: balance.currency for balance in balances}, dict(KINDS)
    rows = totals.annotate(c=Sum("credited"), d=Sum("debited"), n=Sum("entries")).order_by("currency_id", "kind")
    is_closed = BusinessDate.objects.filter(pk=date, status=BusinessDate.Status.CLOSED).exists()
    return {
        "balances": balances,
        "totals": [row | {"currency": currencies[row["currency_id"]], "name": names[row["kind"]]} for row in rows],
        "journal": journalling.lines(date) if is_closed else [],
        "is_closed": is_closed,
        "seal": Seal.objects.filter(pk=date).first(),
    }


def proofs() -> dict[str, Any]:
    """Return the last proof of all purses and the last recheck of seals, each with its results, what is broken first."""
    found: dict[str, Any] = {}
    for name, job in (("proof", "prove"), ("recheck", "recheck_seals")):
        # The last made, of whatever date: a proof of an earlier date also looks at the purses as they stand.
        run = JobRun.objects.filter(job=job, finished_at__isnull=False).order_by("-finished_at", "-id").first()
        results = [
            {**result, "name": invariant, "says": SAYS.get(invariant, invariant), "since": _since(result)}
            for invariant, result in (run.counts if run else {}).items()
            if isinstance(result, dict) and "violations" in result
        ]
        found[name] = run
        found[f"{name}_results"] = sorted(results, key=lambda result: -result["violations"])
    return found


def _since(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the first examples of what is broken, each with the date since when, where that is known."""
    since = result.get("since") or {}
    return [(str(one), since.get(one) or "") for one in result.get("examples", [])]
