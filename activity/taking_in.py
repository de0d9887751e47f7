"""Taking a delivery in: its files become batches of reports, each batch one call of the verb for its target.

A batch is a transaction of its own, so that a killed intake has lost nothing, and the delivery sent again takes only what is missing.
"""

import csv
import dataclasses
import datetime
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from django.utils.translation import gettext_lazy as _

from activity import recording, waking
from activity.mapping import BadRow, Row, key_of, mapper, order_of, passes, reason_of
from activity.models import Intake, Source
from activity.opening import OpenedFile, RefusedFile
from activity.profiles import TARGETS, Load, LookUp, Profile, expressions_in, taken_columns
from activity.sifting import Sieve
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.periods import day_of
from foundation.transactions import in_transaction
from members import enrolling, taking_facts

# Some 200 MB at the peak, whatever the file's length.
BATCH = 5_000
TAKEN = {"recorded", "parked", "duplicate", "superseded", "enrolled", "updated", "unchanged", "opened", "closed"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Reports of one target, and beside each the file, line and row it came from."""

    target: str
    source: str
    reports: list[Any]
    origins: list["Origin"]


Origin = tuple[OpenedFile, int, Row]


class Tally:
    """What became of a delivery's rows, by target and outcome; refused rows go to the error file as they come."""

    def __init__(self, errors: IO[str] | None = None) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.refused = 0
        self.first: list[str] = []
        self._errors = csv.writer(errors) if errors else None
        if self._errors:
            self._errors.writerow(("file", "line", "field", "reason", "sentence", "row"))

    def count(self, target: str, outcome: str) -> None:
        """Count a row that was taken, or need not be."""
        self.counts[target][outcome] += 1

    def count_batch(self, batch: Batch, outcomes: Sequence[str]) -> None:
        """Count what the verb answered to a batch."""
        for outcome, origin in zip(outcomes, batch.origins, strict=True):
            if outcome in TAKEN:
                self.count(batch.target, outcome)
            else:
                self.refuse(batch.target, outcome, "", origin)

    def figures(self) -> dict[str, dict[str, int]]:
        """Return how many rows had which outcome, by target."""
        return {target: dict(sorted(counts.items())) for target, counts in self.counts.items()}

    def refuse(self, target: str, code: str, field: str, origin: Origin) -> None:
        """Count a refused row and write it out, the row as a JSON list of its cells, which no spreadsheet takes for a formula."""
        file, line, row = origin
        standing_field, sentence = reason_of(code)
        self.refused += 1
        self.counts[target][code] += 1
        entry = (file.path.name, line, field or standing_field, code, sentence)
        if len(self.first) < 10:
            self.first.append(": ".join(map(str, entry)))
        if self._errors:
            self._errors.writerow((*entry, json.dumps(row, ensure_ascii=False)))


class Delivery:
    """The opened files of one intake, read load by load; `advance` hears how many lines have been read so far, and for what."""

    def __init__(self, *, profile: Profile, files: dict[str, list[OpenedFile]], sieve: Sieve, tally: Tally) -> None:
        self.profile, self.files, self.tally, self._sieve, self._read = profile, files, tally, sieve, 0
        self.advance: Callable[[int, str], None] = lambda lines, target: None
        self.loads = [load for load in profile.loads if files[load.file]]
        self._look_ups = sorted({name for load in self.loads for name in _look_ups_of(load, profile)})

    @property
    def lines(self) -> int:
        """Return how many lines will be read, those counted twice that are read twice."""
        passes_of = [(load.file, 2 if TARGETS[load.target][1] else 1) for load in self.loads]
        passes_of += [(self.profile.look_ups[name].file, 1) for name in self._look_ups]
        return sum(opened.lines * times for file, times in passes_of for opened in self.files[file])

    def batches(self) -> Iterator[Batch]:
        """Give the delivery's reports in batches, target by target, after `keep_look_ups`; bad rows go to the tally."""
        for load in self.loads:
            yield from self._batches_of(load)

    def keep_look_ups(self) -> None:
        """Read the files of the look-ups; refuses (refused_file) one that is not there or finds two rows for a key."""
        for name in self._look_ups:
            table, columns = self.profile.look_ups[name], taken_columns(self.profile, name)
            if not self.files[table.file]:
                raise RefusedFile(
                    file=table.file, why=_("it is not there, and the look-up %(name)s needs it") % {"name": name}
                )
            loaded = any(load.file == table.file for load in self.loads)
            for opened in self.files[table.file]:
                wanted = passes(table.where, places=opened.places)
                key, cells = opened.places[table.key], [opened.places[column] for column in columns]
                rows = (
                    (row[key].strip(), [row[cell].strip() for cell in cells])
                    for place, row in self._rows(opened, f"look_ups.{name}", refusing=not loaded)
                    if wanted(row)
                )
                self._sieve.keep(look_up=name, columns=columns, rows=rows)

    def _batches_of(self, load: Load) -> Iterator[Batch]:
        one_counts = bool(TARGETS[load.target][1])
        if one_counts:
            self._sieve.rank(self._ranks(load))
        reports: list[Any] = []
        origins: list[Origin] = []
        for number, opened in enumerate(self.files[load.file]):
            wanted = passes(load.where, places=opened.places)
            bound: dict[str, Any] = {"places": opened.places, "codes": self.profile.codes, "found": self._sieve.found}
            report_of, key = mapper(load, formats=opened.file.formats, **bound), key_of(load, **bound)
            rank = order_of(load, places=opened.places)
            for line, row in self._rows(opened, load.target, refusing=True):
                if not wanted(row):
                    continue
                try:
                    if one_counts and not self._sieve.counts(key(row), _place(number, line)):
                        rank(row)  # Raises where a row was left out of the ranking because of it.
                        self.tally.count(load.target, "superseded")
                        continue
                    reports.append(report_of(row))
                    origins.append((opened, line, row))
                except BadRow as bad:
                    self.tally.refuse(load.target, bad.code, bad.field, (opened, line, row))
                if len(reports) == BATCH:
                    yield Batch(target=load.target, source=load.source, reports=reports, origins=origins)
                    reports, origins = [], []
        if reports:
            yield Batch(target=load.target, source=load.source, reports=reports, origins=origins)

    def _ranks(self, load: Load) -> Iterator[tuple[str, int | str, int]]:
        """Give key, rank and place of each row that has them; the others are refused when they are read for good."""
        for number, opened in enumerate(self.files[load.file]):
            wanted, rank = passes(load.where, places=opened.places), order_of(load, places=opened.places)
            key = key_of(load, places=opened.places, codes=self.profile.codes, found=self._sieve.found)
            for line, row in self._rows(opened, load.target):
                try:
                    if wanted(row):
                        yield key(row), rank(row), _place(number, line)
                except BadRow:
                    continue

    def _rows(self, opened: OpenedFile, target: str, *, refusing: bool = False) -> Iterator[tuple[int, Row]]:
        """Give the rows that have a cell for each column; the others are refused, once."""
        width = len(opened.places)
        for line, row in opened.rows():
            if line % BATCH == 0:
                self.advance(self._read + line, target)
            if len(row) == width:
                yield line, row
            elif refusing:
                self.tally.refuse(target, "wrong_column_count", "", (opened, line, row))
        self._read += opened.lines
        self.advance(self._read, target)


@in_transaction
def begin(*, profile: Profile, at: datetime.datetime, actor: Actor) -> Intake:
    """Write down that a delivery is being taken in."""
    source, _made = Source.objects.get_or_create(code=profile.source)
    return Intake.objects.create(source=source, profile=profile.name, started_at=at)


@in_transaction
def take(*, batch: Batch, at: datetime.datetime, actor: Actor) -> list[str]:
    """Call the verb of the batch's target; return an outcome a report."""
    match batch.target:
        case "members":
            return enrolling.enrol(batch.reports, at=at, actor=actor)
        case "accounts":
            return recording.record_accounts(batch.reports, source=batch.source, actor=actor)
        case "activities":
            outcomes = recording.record_activities(batch.reports, actor=actor)
            waking.wake_reported(actor=actor)
            return outcomes
        case "reversals":
            return recording.record_reversals(batch.reports, actor=actor)
        case "snapshots":
            return recording.record_snapshots(batch.reports, actor=actor)
        case "holdings":
            return recording.record_holdings(batch.reports, actor=actor)
        case "facts":
            return taking_facts.take(batch.reports, today=day_of(at), at=at, actor=actor)
        case _:
            return recording.record_grades(batch.reports, actor=actor)


@in_transaction
def finish(*, intake: Intake, counts: dict[str, dict[str, int]], at: datetime.datetime, actor: Actor) -> None:
    """Write down what became of the delivery."""
    intake.finished_at, intake.counts = at, counts
    intake.save(update_fields=["finished_at", "counts"])
    record(verb="activity.intake", actor=actor, subject_kind="intake", subject_id=intake.pk, at=at, new=counts)


def _look_ups_of(load: Load, profile: Profile) -> set[str]:
    outers = (*load.fields.values(), *load.attributes.values())
    return {one.name for outer in outers for one in expressions_in(outer) if isinstance(one, LookUp)}


def _place(number: int, line: int) -> int:
    return number << 40 | line
