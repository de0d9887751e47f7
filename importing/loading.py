"""Loading a chunk: its rows become reports, and those go through the verbs that the intake calls; tried first, then for good."""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from activity import taking_in
from activity.mapping import BadRow
from foundation.actors import Actor
from foundation.periods import day_of
from foundation.querying import statement
from foundation.transactions import in_transaction
from importing import keeping, opening, scoping
from importing.models import Import, ImportChunk, ImportedMember
from importing.reports import OpeningReport, reader, reason_of
from importing.staging import Staged, bound
from members.models import Member

JOB = Actor.job("import")
# What an outcome of the verbs comes to for whoever reads the counts; every other outcome is why a row was refused.
COUNTED = {
    "enrolled": "new", "opened": "new", "recorded": "new", "new": "new",
    "updated": "changed", "closed": "changed", "corrected": "changed",
    "unchanged": "unchanged", "duplicate": "unchanged",
}  # fmt: skip
OUTCOMES = ("new", "changed", "unchanged", "error")
# The verbs' temporary tables, by which a correction is told from what is new.
CORRECTED = {"snapshots": "corrected_snapshots", "holdings": "corrected_holdings"}

# Line, field at fault, code.
Fault = tuple[int, str, str]


@dataclasses.dataclass(kw_only=True)
class Outcome:
    """What became of a chunk's rows: how many were what, sums by name, what is wrong with which line, and who came in new."""

    counts: Counter[str]
    sums: Counter[str]
    faults: list[Fault]
    new_numbers: list[tuple[str, int]]

    def figures(self) -> dict[str, Any]:
        """Return the counts and sums as the chunk keeps them."""
        return {"counts": dict(self.counts), "sums": dict(self.sums)}


@in_transaction
def try_out(*, import_: Import, chunk: ImportChunk, key: bytes, at: datetime.datetime) -> Outcome:
    """Do with a chunk's rows what would be done, and roll it back; write onto the chunk what came of it."""
    rows = keeping.unseal_rows(key, chunk.sealed or b"", bound_to=bound(import_, chunk.number))
    savepoint = transaction.savepoint()
    outcome = _load(rows, import_=import_, passed={}, at=at, trial=True)
    transaction.savepoint_rollback(savepoint)
    chunk.errors, chunk.counts = [list(fault) for fault in outcome.faults], outcome.figures()
    chunk.checked_at = at
    chunk.save(update_fields=["errors", "counts", "checked_at"])
    return outcome


@in_transaction
def take_in(*, import_: Import, chunk: ImportChunk, key: bytes, at: datetime.datetime) -> Outcome:
    """Take a chunk's rows in and destroy them; those refused are kept, sealed, for the error file.

    A row that was refused in the trial stays refused, for the same reason: who approved has seen it left out.
    """
    name = bound(import_, chunk.number)
    rows = keeping.unseal_rows(key, chunk.sealed or b"", bound_to=name)
    passed = {line: (field, code) for line, field, code in chunk.errors}
    outcome = _load(rows, import_=import_, passed=passed, at=at, trial=False)
    wrong = {line for line, _field, _code in outcome.faults}
    refused = [row for row in rows if row[0] in wrong]
    chunk.refused = keeping.seal_rows(key, refused, bound_to=name) if refused else None
    chunk.sealed, chunk.done_at = None, at
    chunk.errors, chunk.counts = [list(fault) for fault in outcome.faults], outcome.figures()
    chunk.save(update_fields=["sealed", "refused", "errors", "counts", "done_at"])
    _keep_new(outcome.new_numbers, import_=import_)
    return outcome


def _load(
    rows: Sequence[Staged], *, import_: Import, passed: dict[int, tuple[str, str]], at: datetime.datetime, trial: bool
) -> Outcome:
    """Take rows in; `passed` are those that are refused already. The number of statements doesn't depend on the number of rows."""
    read = reader(import_)
    outcome = Outcome(counts=Counter(), sums=Counter(), faults=[], new_numbers=[])
    reports: list[Any] = []
    lines: list[int] = []
    summed = import_.kind in (Import.Kind.OPENING, Import.Kind.SNAPSHOTS)
    outcome.sums["control"] = 0 if summed else len(rows)
    for line, cells, fault in rows:
        try:
            report = read(cells)
        except BadRow as bad:
            report, fault, field = None, fault or bad.code, bad.field
        else:
            field = ""
            outcome.sums["control"] += _amount(report) if summed else 0
            fault = fault or report.fault()
        if line in passed:
            field, fault = passed[line]
        if fault:
            _refuse(outcome, line, field, fault)
        else:
            reports.append(report)
            lines.append(line)
    for place, code in enumerate(outside := scoping.outside(reports, import_=import_)):
        if code:
            _refuse(outcome, lines[place], "", code)
    inside = [place for place, code in enumerate(outside) if not code]
    reports, lines = [reports[place] for place in inside], [lines[place] for place in inside]
    for report, line, code in zip(reports, lines, _take(reports, lines, import_, at=at, trial=trial), strict=True):
        if code not in COUNTED:
            _refuse(outcome, line, "", "repeated_row" if code == "superseded" else code)
            continue
        outcome.counts[COUNTED[code]] += 1
        if COUNTED[code] in ("new", "changed"):
            for name, figure in _sums(report):
                outcome.sums[name] += figure
        if code == "enrolled":
            outcome.new_numbers.append((report.number, line))
    outcome.faults.sort()
    return outcome


def _refuse(outcome: Outcome, line: int, field: str, code: str) -> None:
    outcome.counts["error"] += 1
    outcome.faults.append((line, field or reason_of(code)[0], code))


def _take(reports: list[Any], lines: list[int], import_: Import, *, at: datetime.datetime, trial: bool) -> list[str]:
    """Call the verb of the import's kind; return an outcome a report."""
    if not reports:
        return []
    if import_.kind == Import.Kind.OPENING:
        said: dict[str, Any] = {"import_": import_, "lines": lines, "today": day_of(at)}
        if trial:
            return [one.outcome for one in opening.judge(reports, **said)]
        return opening.credit(reports, **said, actor=JOB)
    batch = taking_in.Batch(target=import_.kind, source=import_.source, reports=reports, origins=[])
    outcomes = taking_in.take(batch=batch, at=at, actor=JOB)
    for place in _corrected(import_):
        if outcomes[place] == "recorded":
            outcomes[place] = "corrected"
    return outcomes


def _corrected(import_: Import) -> list[int]:
    """Return the places of the reports that were recorded over an earlier one."""
    name = CORRECTED.get(import_.kind)
    if name is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement("importing", name))
        return [place for [place] in cursor.fetchall()]


def _amount(report: Any) -> int:
    """Return what a row adds to the control total: points, or minor units of a balance."""
    return report.points if isinstance(report, OpeningReport) else report.amount_minor


def _sums(report: Any) -> list[tuple[str, int]]:
    """Return what a row that counts adds to the totals, by name."""
    if isinstance(report, OpeningReport):
        return [(f"points:{report.currency}", report.points)]
    return [("money", report.amount_minor)] if hasattr(report, "amount_minor") else []


def _keep_new(new_numbers: Sequence[tuple[str, int]], *, import_: Import) -> None:
    """Keep who came in new by this import, for taking it back; two statements."""
    if not new_numbers:
        return
    lines = dict(new_numbers)
    ids = Member.objects.filter(number__in=lines).values_list("pk", "number")
    ImportedMember.objects.bulk_create(
        ImportedMember(of=import_, member_id=pk, line=lines[number]) for pk, number in ids
    )
