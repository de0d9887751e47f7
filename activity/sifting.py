"""Sifting a delivery on disk, in bounded memory: rows found by key for the look-ups, and which row of a key counts."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Self

from django.utils.translation import gettext_lazy as _

from activity.opening import RefusedFile

CACHE_KIB = 16 * 1024


class Sieve:
    """A scratch database of the delivery's own, gone when it is closed; sqlite keeps what does not fit its cache in a temporary file."""

    def __init__(self) -> None:
        self._scratch = sqlite3.connect("", isolation_level=None)
        self._scratch.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._scratch.execute("PRAGMA journal_mode = OFF")
        self._scratch.execute("PRAGMA temp_store = FILE")
        self._scratch.execute("BEGIN")
        self._scratch.execute(
            "CREATE TABLE found (look_up TEXT, key TEXT, value TEXT, PRIMARY KEY (look_up, key)) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._scratch.close()

    def keep(self, *, look_up: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Keep of each row, by its key, the cells of `columns`; refuses (refused_file) a key that has two meanings."""
        for key, cells in rows:
            for column, cell in zip(columns, cells, strict=True):
                name = f"{look_up}.{column}"
                added = self._scratch.execute(
                    "INSERT INTO found VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (name, key, cell)
                )
                if not added.rowcount and self.found(name, key) != cell:
                    raise RefusedFile(
                        file=look_up, why=_("the look-up finds two rows for the key %(key)s") % {"key": key}
                    )

    def found(self, column: str, key: str) -> str | None:
        """Return the cell of `column`, written look-up.column, in the row of `key`; None where there is none."""
        row = self._scratch.execute("SELECT value FROM found WHERE look_up = ? AND key = ?", (column, key)).fetchone()
        return row[0] if row else None

    def rank(self, rows: Iterable[tuple[str, int | str, int]]) -> None:
        """Keep of each key the place of the row that ranks highest, the later one among equals; rows are (key, rank, place)."""
        self._scratch.execute("DROP TABLE IF EXISTS counting")
        self._scratch.execute("CREATE TABLE counting (key TEXT PRIMARY KEY, rank, place INTEGER) WITHOUT ROWID")
        self._scratch.executemany(
            "INSERT INTO counting VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET rank = excluded.rank, place = excluded.place"
            " WHERE excluded.rank >= counting.rank",
            rows,
        )

    def counts(self, key: str, place: int) -> bool:
        """Tell whether the row at `place` is the one that counts for its key."""
        row = self._scratch.execute("SELECT place FROM counting WHERE key = ?", (key,)).fetchone()
        return row is not None and row[0] == place
