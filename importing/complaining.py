"""Complaining: what is wrong with which row, and the rows as they came with the reasons beside them."""

import dataclasses
import datetime
from collections.abc import Iterator, Sequence

from django.utils.translation import override

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.transactions import in_transaction
from importing import keeping
from importing.kinds import KINDS
from importing.models import Import
from importing.reports import reason_of
from importing.staging import bound

SHOWN = 100


@dataclasses.dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row: its line in the file, the column at fault in the reader's language, and why."""

    line: int
    column: str
    sentence: str


def errors(import_: Import, *, language: str, most: int = SHOWN) -> list[RowError]:
    """Return the first errors of an import, by line."""
    found: list[RowError] = []
    for faults in import_.chunks.exclude(errors=[]).order_by("number").values_list("errors", flat=True).iterator(10):
        found += [
            RowError(line, column_of(import_, field, language), reason_of(code)[1]) for line, field, code in faults
        ]
        if len(found) >= most:
            break
    return found[:most]


def column_of(import_: Import, field: str, language: str) -> str:
    """Return the heading of a field: the file's own, else the template's in a language; "" where no field is at fault."""
    if field in import_.mapping:
        return import_.headers[import_.mapping[field]]
    known = KINDS[import_.kind].field(field)
    return known.label(language) if known else ""


@in_transaction
def give_rows(*, import_: Import, actor: Actor, at: datetime.datetime) -> None:
    """Leave the trail of whoever takes the refused rows, which hold personal data; refuses rows_gone."""
    keeping.key_of(import_)
    errors = import_.counted.get("counts", {}).get("error", 0)
    record(
        verb="importing.give_rows",
        actor=actor,
        subject_kind="import",
        subject_id=import_.pk,
        at=at,
        new={"rows": errors},
    )


def refused_rows(import_: Import, *, language: str) -> Iterator[Sequence[object]]:
    """Yield the refused rows as they came, each with its line and what is wrong with it in a language; one chunk in memory at a time."""
    key = keeping.key_of(import_)
    for chunk in import_.chunks.exclude(errors=[]).order_by("number").iterator(1):
        if (sealed := chunk.refused or chunk.sealed) is None:
            continue
        wrong: dict[int, list[str]] = {}
        with override(language):
            for line, field, code in chunk.errors:
                column = column_of(import_, field, language)
                wrong.setdefault(line, []).append(": ".join(filter(None, (column, reason_of(code)[1]))))
        for line, cells, _fault in keeping.unseal_rows(key, sealed, bound_to=bound(import_, chunk.number)):
            if line in wrong:
                yield [*cells, line, " ".join(wrong[line])]
