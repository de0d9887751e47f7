"""Recording what the bank reports: one set-based path each, the same for one report and for ten thousand.

Every verb takes the fence first (domain.md §1) and books on max(occurred_on, first open business date). It answers report by report,
so that a bad one holds up no other. Facts are their own trail (domain.md §7): nothing else is written about who reported them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import connection

from activity.models import Source
from activity.reports import ActivityReport, HoldingReport, MemberGradeReport, ReversalReport, SnapshotReport
from foundation.actors import Actor
from foundation.jobs import clock
from foundation.querying import copy_rows, statement
from foundation.transactions import in_transaction
from members import enrolling
from members.reports import AccountReport

# Above this the planner wants to know how large the stage is.
WORTH_ANALYZING = 500

ACTIVITY_COLUMNS = (
    "external_id", "member_number", "account_number", "direction", "kind", "purpose", "amount_minor", "currency", "occurred_at",
    "channel", "merchant_category", "product", "branch", "attributes",
)  # fmt: skip
REVERSAL_COLUMNS = (
    "external_id", "member_number", "account_number", "original_source", "original_external_id", "amount_minor", "currency", "occurred_at",
)  # fmt: skip
SNAPSHOT_COLUMNS = ("account_number", "day", "amount_minor")
HOLDING_COLUMNS = ("external_id", "member_number", "account_number", "product", "opened_on", "closed_on")
GRADE_COLUMNS = ("member_number", "scale", "day", "grade")


@in_transaction
def record_activities(reports: Sequence[ActivityReport], *, earned_at_once: bool = False, actor: Actor) -> list[str]:
    """Record activities once per (member, source, external id); `earned_at_once` keeps the night from earning on them again.

    Returns an outcome a report: recorded, duplicate (sent again with equal content), conflict (with other content or under another
    member), unknown_member, unknown_account, or the report's fault. Until the transaction ends the temporary table activity_stage
    holds each staged report with its place `seq`, member_id, account_id, occurred_on and outcome, for who goes on with them in SQL.
    """
    return _record(
        reports,
        stage="activity_stage",
        columns=ACTIVITY_COLUMNS,
        staging="stage_activities",
        steps=("resolve_activities", "record_activities", "compare_activities"),
        parameters={"earned_at_once": earned_at_once, "zone": settings.TIME_ZONE},
    )


@in_transaction
def record_reversals(reports: Sequence[ReversalReport], *, actor: Actor) -> list[str]:
    """Record reversals once per (member, source, external id), as far as their activities have room, under the members' locks.

    Returns an outcome a report: recorded, parked (its activity has not arrived), duplicate, conflict (other content, or the id is an
    activity's or another member's), over_reversed, reversal_of_reversal, not_his_activity, currency_differs, unknown_member,
    unknown_account, or the report's fault. The room of an activity goes in the order of occurred_at, then external id. Until the
    transaction ends the temporary table reversal_stage holds each staged report with its outcome, for who goes on with them in SQL.
    """
    _source_ids({report.original_source for report in reports if report.original_source and not report.fault()})
    return _record(
        reports,
        stage="reversal_stage",
        columns=REVERSAL_COLUMNS,
        staging="stage_reversals",
        steps=("resolve_reversals", "lock_reversers", "record_reversals", "compare_reversals"),
        parameters={"zone": settings.TIME_ZONE},
    )


@in_transaction
def record_snapshots(reports: Sequence[SnapshotReport], *, actor: Actor) -> list[str]:
    """Record end-of-day balances; another balance for the same account and day is its next revision.

    Returns an outcome a report: recorded, duplicate, superseded (the batch names the account and day again later), unknown_account,
    account_closed (a balance on or after the closing date), or the report's fault.
    """
    return _record(
        reports,
        stage="snapshot_stage",
        columns=SNAPSHOT_COLUMNS,
        staging="stage_snapshots",
        steps=("lock_accounts", "record_snapshots"),
    )


@in_transaction
def record_holdings(reports: Sequence[HoldingReport], *, actor: Actor) -> list[str]:
    """Record holdings; the same source and external id with other content is the holding's next revision.

    Returns an outcome a report: recorded, duplicate, superseded (the batch names the holding again later), conflict (the external id
    was reported for another member), unknown_member, unknown_account, or the report's fault.
    """
    return _record(
        reports,
        stage="holding_stage",
        columns=HOLDING_COLUMNS,
        staging="stage_holdings",
        steps=("resolve_holdings", "record_holdings"),
    )


@in_transaction
def record_grades(reports: Sequence[MemberGradeReport], *, actor: Actor) -> list[str]:
    """Record grades of credit or risk; another grade for the same member, scale and day is its next revision.

    Returns an outcome a report: recorded, duplicate, superseded (the batch names the member, scale and day again later),
    unknown_member, or the report's fault.
    """
    return _record(
        reports,
        stage="grade_stage",
        columns=GRADE_COLUMNS,
        staging="stage_grades",
        steps=("lock_members", "record_grades"),
    )


@in_transaction
def record_accounts(reports: Sequence[AccountReport], *, source: str, actor: Actor) -> list[str]:
    """Open and close accounts (members.enrolling.open_accounts), and let those that close count 0 from their closing date on."""
    booking_date = clock.booking_date()
    outcomes = enrolling.open_accounts(reports, actor=actor)
    if any(report.closed_on for report in reports):
        source_id = _source_ids([source])[source]
        with connection.cursor() as cursor:
            cursor.execute(
                statement("activity", "record_closings"), {"source_id": source_id, "booking_date": booking_date}
            )
    return outcomes


def _record(
    reports: Sequence[Any],
    *,
    stage: str,
    columns: Sequence[str],
    staging: str,
    steps: Iterable[str],
    parameters: dict[str, Any] | None = None,
) -> list[str]:
    """Stage the reports without fault, run the steps' statements over the stage, and return an outcome a report."""
    outcomes = [report.fault() for report in reports]
    staged = [(seq, report) for seq, report in enumerate(reports) if not outcomes[seq]]
    if not staged:
        return outcomes
    values = {"booking_date": clock.booking_date(), **(parameters or {})}
    source_ids = _source_ids({report.source for seq, report in staged})
    with connection.cursor() as cursor:
        cursor.execute(statement("activity", staging))
        rows = (
            (seq, source_ids[report.source], *(getattr(report, column) for column in columns)) for seq, report in staged
        )
        copy_rows(cursor, table=stage, columns=("seq", "source_id", *columns), rows=rows)
        if len(staged) > WORTH_ANALYZING:
            cursor.execute(f"ANALYZE {stage}")
        for step in steps:
            cursor.execute(statement("activity", step), values)
        cursor.execute(f"SELECT seq, outcome FROM {stage}")  # noqa: S608 - the stage's name is ours
        for seq, outcome in cursor.fetchall():
            outcomes[seq] = outcome
    return outcomes


def _source_ids(codes: Iterable[str]) -> dict[str, int]:
    """Return the ids of the sources by code; a source is made by its first report."""
    wanted = set(codes)
    known = dict(Source.objects.filter(code__in=wanted).values_list("code", "id"))
    if missing := sorted(wanted - known.keys()):
        Source.objects.bulk_create([Source(code=code) for code in missing], ignore_conflicts=True)
        known = dict(Source.objects.filter(code__in=wanted).values_list("code", "id"))
    return known
