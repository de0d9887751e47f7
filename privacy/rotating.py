"""Rotating the master key: every member's key is wrapped anew, chunk by chunk; what it opens is not touched (docs/privacy.md).

The new key is PERSONAL_DATA_KEY, the old ones PERSONAL_DATA_EARLIER_KEYS; both open until the last row is done, so nothing stands still.
"""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.models import Model

from foundation.transactions import in_transaction
from importing.models import Import
from members import sealing
from members.models import ContactChange, Enrolment, Person
from privacy import packing
from privacy.models import Export, Rotation

CHUNK = 2_000
UPDATE = (
    "UPDATE {table} AS t SET {key} = s.new FROM unnest(%s::text[]::{kind}[], %s::bytea[], %s::bytea[]) AS s (pk, old, new)"
    " WHERE t.{column} = s.pk AND t.{key} = s.old"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A table that holds wrapped keys, and the name that a row's key is bound to."""

    model: type[Model]
    kind: str
    bound_to: Callable[[Any], str]
    key: str = "wrapped_key"

    @property
    def name(self) -> str:
        """Return what names the place among all: its table, and the column where it has more than one."""
        table = self.model._meta.db_table
        return table if self.key == "wrapped_key" else f"{table}.{self.key}"


PLACES = (
    Place(model=Person, kind="bigint", bound_to=lambda pk: f"member:{pk}"),
    Place(model=Enrolment, kind="uuid", bound_to=lambda pk: f"enrolment:{pk}"),
    Place(model=Export, kind="uuid", bound_to=packing.name_of),
    Place(model=Import, kind="uuid", bound_to=lambda pk: f"import:{pk}"),
    Place(model=ContactChange, kind="uuid", bound_to=lambda pk: f"contact:{pk}"),
    Place(model=ContactChange, kind="uuid", bound_to=lambda pk: f"contact before:{pk}", key="wrapped_key_before"),
)


@in_transaction
def rotate(*, at: datetime.datetime) -> tuple[str, int] | None:
    """Wrap the next chunk of CHUNK keys under the master key in force; return its table and how many were, None once all are.

    Five statements a chunk, however many keys. A row that somebody writes meanwhile is his: it was sealed under the new key. Started
    again after it died, it goes on behind the last chunk that was committed. A second process finds the chunk locked and waits.
    """
    key_id = sealing.master_key_id()
    for place in PLACES:
        table = place.name
        Rotation.objects.bulk_create([Rotation(key_id=key_id, place=table)], ignore_conflicts=True)
        state = Rotation.objects.select_for_update().get(key_id=key_id, place=table)
        if state.done_at is None:
            return table, _chunk(place, state, at=at)
    return None


@in_transaction
def begin_again() -> None:
    """Forget how far the rotation to the master key in force has come: what is wrapped under it already is let be, row by row."""
    Rotation.objects.filter(key_id=sealing.master_key_id()).delete()


def _chunk(place: Place, state: Rotation, *, at: datetime.datetime) -> int:
    keys = place.model._default_manager.exclude(**{place.key: None}).order_by("pk")
    rows = list((keys.filter(pk__gt=state.last) if state.last else keys).values_list("pk", place.key)[:CHUNK])
    changed = [
        (str(pk), bytes(wrapped), new)
        for pk, wrapped in rows
        if (new := sealing.rewrapped(wrapped, bound_to=place.bound_to(pk))) is not None
    ]
    if changed:
        meta = place.model._meta
        sql = UPDATE.format(table=meta.db_table, kind=place.kind, column=meta.pk.column, key=place.key)
        with connection.cursor() as cursor:
            cursor.execute(sql, [list(column) for column in zip(*changed, strict=True)])
    state.last = str(rows[-1][0]) if rows else state.last
    state.rows += len(changed)
    state.done_at = None if len(rows) == CHUNK else at
    state.save(update_fields=["last", "rows", "done_at"])
    return len(changed)
