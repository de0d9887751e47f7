"""Staging: the sealed file read row by row, cut into sealed chunks; the file itself goes."""

import hashlib
import itertools
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from foundation import long_sheets
from foundation.transactions import in_transaction
from importing import keeping
from importing.kinds import KINDS
from importing.models import Import, ImportChunk, ImportPiece
from importing.reports import DATES, plain_date

# Rows a chunk: one transaction, and what is in memory at once.
CHUNK_ROWS = 2_000
KEPT_IN_MEMORY = 8 * 2**20

# Its line in the file, its cells as they came, and what is wrong with it already: its code, or "".
Staged = tuple[int, list[str], str]


@in_transaction
def stage(*, import_: Import) -> int:
    """Cut the rows of a file into chunks, each sealed, and destroy the file; return how many rows there are.

    A row that is longer than the headings, or repeats the key of a row before it, is marked. Refuses a SheetRefusal.
    """
    key = keeping.key_of(import_)
    import_.chunks.all().delete()
    rows = 0
    with tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY) as file:
        for number, sealed in import_.pieces.order_by("number").values_list("number", "sealed").iterator(4):
            file.write(keeping.unseal(key, sealed, bound_to=f"piece:{import_.pk}:{number}"))
        file.seek(0)
        marked = _marked(import_, cast(BinaryIO, file))
        for number in itertools.count():
            chunk = list(itertools.islice(marked, CHUNK_ROWS))
            if not chunk:
                break
            rows += len(chunk)
            sealed = keeping.seal_rows(key, chunk, bound_to=bound(import_, number))
            ImportChunk.objects.create(of=import_, number=number, rows=len(chunk), sealed=sealed)
    ImportPiece.objects.filter(of=import_).delete()
    return rows


def bound(import_: Import, number: int) -> str:
    """Return the name that a chunk's rows are sealed under."""
    return f"chunk:{import_.pk}:{number}"


def _marked(import_: Import, file: BinaryIO) -> Iterator[Staged]:
    """Yield the rows below the headings with what is wrong with them as rows of this file."""
    width, places = len(import_.headers), import_.mapping
    key = [(places[name], name in DATES) for name in KINDS[import_.kind].key if name in places]
    seen: set[bytes] = set()
    for line, cells in itertools.islice(long_sheets.lines(file), 1, None):
        fault = "wrong_column_count" if any(cells[width:]) else ""
        cells = [*cells[:width], *[""] * (width - len(cells))]
        subject = "\x1f".join(plain_date(cells[place]) if is_date else cells[place] for place, is_date in key)
        digest = hashlib.blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        if not fault and digest in seen:
            fault = "repeated_row"
        seen.add(digest)
        yield line, cells, fault
