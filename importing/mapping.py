"""Mapping: which column of a file fills which field; guessed by the headings, remembered for the next file of the same headings."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_lazy as _

from foundation.refusals import Refusal
from foundation.sheets import ForbiddenColumn, RepeatedColumn, plain_heading
from foundation.transactions import in_transaction
from importing.kinds import FileKind
from importing.models import RememberedMapping

Places = dict[str, int]


class FieldUnmapped(Refusal):
    code = "field_unmapped"
    status = 422
    sentence = _("Say which column this is.")


class ColumnUsedTwice(Refusal):
    code = "column_used_twice"
    status = 422
    sentence = _("This column fills another field already.")


class OwnerUnmapped(Refusal):
    code = "owner_unmapped"
    status = 422
    sentence = _("Say which column holds the member number or the account number.")


def check_headings(headers: Sequence[str], *, kind: FileKind) -> None:
    """Refuse headings that stand twice (repeated_column), and those of rights and balances (forbidden_column)."""
    barred, seen = {plain_heading(one) for one in kind.forbidden}, set()
    for heading in headers:
        for part in heading.replace("\n", "/").split("/"):
            if plain_heading(part) in barred:
                raise ForbiddenColumn(field="file", column=heading[:40])
        if heading and plain_heading(heading) in seen:
            raise RepeatedColumn(field="file", column=heading[:40])
        seen.add(plain_heading(heading))


def guess(headers: Sequence[str], *, kind: FileKind, source: str) -> Places:
    """Return the mapping that these headings had the last time, else the columns whose headings name a field, in any language."""
    remembered = RememberedMapping.objects.filter(
        kind=kind.code, source=source, headers_digest=_digest(headers)
    ).first()
    if remembered:
        places = {heading: place for place, heading in enumerate(headers)}
        return {
            name: places[heading]
            for name, heading in remembered.mapping.items()
            if heading in places and kind.field(name)
        }
    names = {plain_heading(heading): field.field for field in kind.fields for heading in (*field.headings, *field.also)}
    found: Places = {}
    for place, heading in enumerate(headers):
        for part in heading.replace("\n", "/").split("/"):
            if name := names.get(plain_heading(part)):
                found.setdefault(name, place)
    return found


def check(mapping: Mapping[str, int], *, headers: Sequence[str], kind: FileKind) -> Places:
    """Return the mapping in the order of the kind's fields; refuses field_unmapped, column_used_twice, owner_unmapped."""
    used: Places = {}
    for field in kind.fields:
        place = mapping.get(field.field)
        if place is None:
            if field.required:
                raise FieldUnmapped(field=field.field)
        elif not 0 <= place < len(headers):
            raise FieldUnmapped(field=field.field)
        elif place in used.values():
            raise ColumnUsedTwice(field=field.field)
        else:
            used[field.field] = place
    if kind.code == "holdings" and not used.keys() & {"member_number", "account_number"}:
        raise OwnerUnmapped(field="member_number")
    return used


@in_transaction
def remember(mapping: Mapping[str, int], *, headers: Sequence[str], kind: FileKind, source: str) -> None:
    """Keep the mapping for the next file of this kind and source with these headings."""
    RememberedMapping.objects.update_or_create(
        kind=kind.code,
        source=source,
        headers_digest=_digest(headers),
        defaults={"mapping": {name: headers[place] for name, place in mapping.items()}},
    )


def _digest(headers: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(headers), ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()
