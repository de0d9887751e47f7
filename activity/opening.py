"""Opening the files of a delivery: found by name, checked whole, then read row by row in bounded memory."""

import codecs
import csv
import dataclasses
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from django.utils.translation import gettext_lazy as _

from activity.profiles import File, Profile, columns_of, taken_columns
from foundation.refusals import Refusal

GZIP = b"\x1f\x8b"
BLOCK = 1 << 20


class RefusedFile(Refusal):
    """A file of the delivery is refused whole, and with it the delivery: nothing of it has been taken."""

    code = "refused_file"
    status = 422
    sentence = _("%(file)s is refused whole: %(why)s")


class NoFile(Refusal):
    code = "no_file"
    status = 422
    sentence = _("None of the paths holds a file that the profile knows.")


@dataclasses.dataclass(frozen=True)
class OpenedFile:
    """A file whose envelope is in order: how it is encoded, which column stands where, how many lines it has."""

    path: Path
    file: File
    encoding: str
    places: dict[str, int]
    lines: int

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Give each row after the header with the number of its first line; blank lines are left out."""
        with _text(self.path, self.encoding) as stream:
            reader = _reader(stream, self.file)
            if not self.file.columns:
                next(reader)
            line = reader.line_num + 1
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1


def open_files(profile: Profile, paths: Sequence[Path]) -> dict[str, list[OpenedFile]]:
    """Return the delivery's files by their name in the profile, each read through once to see that its envelope is in order.

    Refuses whole (refused_file) a file that is truncated, not in its encoding, empty, or lacks a column that is asked of it;
    and (no_file) a delivery without any file the profile knows. In a directory, files of no interest are left alone.
    """
    if missing := [path for path in paths if not path.exists()]:
        raise RefusedFile(file=missing[0].name, why=_("it is not there"))
    candidates = sorted(
        {inside for path in paths for inside in (path.iterdir() if path.is_dir() else [path]) if inside.is_file()}
    )
    for path in paths:
        if path.is_file() and not any(path.match(file.glob) for file in profile.files.values()):
            raise RefusedFile(file=path.name, why=_("no glob of the profile names it"))
    opened: dict[str, list[OpenedFile]] = {name: [] for name in profile.files}
    for name, file in profile.files.items():
        for path in candidates:
            if path.match(file.glob):
                opened[name].append(_open(path, file, _wanted_columns(profile, name)))
    if not any(opened.values()):
        raise NoFile
    return opened


def _wanted_columns(profile: Profile, name: str) -> set[str]:
    wanted = {column for load in profile.loads if load.file == name for column in columns_of(load)}
    for look_up_name, look_up in profile.look_ups.items():
        if look_up.file == name:
            wanted |= {look_up.key, *(test.column for test in look_up.where), *taken_columns(profile, look_up_name)}
    return wanted


def _open(path: Path, file: File, wanted: set[str]) -> OpenedFile:
    encoding = file.formats.encoding or _encoding_of(path)
    try:
        with _text(path, encoding) as stream:
            reader = _reader(stream, file)
            header = list(file.columns) or [column.strip() for column in next(reader, [])]
            for _row in reader:
                pass
            lines = reader.line_num
    except UnicodeDecodeError:
        raise RefusedFile(file=path.name, why=_("it is not written in %(encoding)s") % {"encoding": encoding}) from None
    except (EOFError, OSError, zlib.error) as error:
        raise RefusedFile(file=path.name, why=_("it is truncated or damaged (%(error)s)") % {"error": error}) from None
    except csv.Error as error:
        raise RefusedFile(file=path.name, why=_("its quoting is broken (%(error)s)") % {"error": error}) from None
    if not header:
        raise RefusedFile(file=path.name, why=_("it is empty"))
    places = {column: place for place, column in enumerate(header)}
    if missing := sorted(wanted - places.keys()):
        raise RefusedFile(file=path.name, why=_("it lacks the columns %(columns)s") % {"columns": ", ".join(missing)})
    if len(places) < len(header):
        raise RefusedFile(file=path.name, why=_("its header names a column twice"))
    return OpenedFile(path, file, encoding, places, lines)


def _encoding_of(path: Path) -> str:
    """Return utf-8-sig where the whole file is UTF-8, else gb18030, which takes nearly anything and is what is usual besides."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _bytes(path) as stream:
        try:
            while block := stream.read(BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
        except (EOFError, OSError, zlib.error):
            # Damaged: `_open` says so.
            return "utf-8-sig"
    return "utf-8-sig"


def _bytes(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        zipped = stream.read(2) == GZIP
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


def _text(path: Path, encoding: str) -> IO[str]:
    return io.TextIOWrapper(_bytes(path), encoding="utf-8-sig" if encoding.lower() == "utf-8" else encoding, newline="")


def _reader(stream: IO[str], file: File) -> "csv._reader":  # type: ignore[name-defined]
    formats = file.formats
    if not formats.quote:
        return csv.reader(stream, delimiter=formats.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(stream, delimiter=formats.delimiter, quotechar=formats.quote)
