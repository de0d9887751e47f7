"""Tables as downloads: a CSV is streamed as it is read, an xlsx is written to a temporary file first."""

import datetime
import tempfile
from collections.abc import Iterable

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse

from foundation import tables

# Above this an xlsx goes to the disk.
KEPT_IN_MEMORY = 2 * 2**20


def download(
    *, name: str, form: str, title: str, headers: tables.Row, rows: Iterable[tables.Row], at: datetime.datetime
) -> HttpResponseBase:
    """Answer a table as the file `name` (ASCII, without its ending) in the form "csv" or "xlsx"; no cache keeps it."""
    if form == "csv":
        return download_csv(name=name, pieces=tables.csv_pieces(headers=headers, rows=rows))
    file = tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY)  # noqa: SIM115 (the response closes it)
    tables.write_xlsx(file, title=title, headers=headers, rows=rows, at=at)
    file.seek(0)
    answer = FileResponse(file, as_attachment=True, filename=f"{name}.xlsx", content_type=tables.XLSX)
    answer["Cache-Control"] = "no-store"
    return answer


def download_csv(*, name: str, pieces: Iterable[bytes]) -> HttpResponseBase:
    """Answer the pieces of a CSV, as they are made, as the file `name` (ASCII, without its ending); no cache keeps it."""
    answer = StreamingHttpResponse(pieces, content_type=tables.CSV)
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer
