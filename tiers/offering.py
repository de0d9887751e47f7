"""Templates that a draft may begin from: rules as banks have them, one file each in tiers/templates (docs/rule-books.md)."""

import dataclasses
import functools
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from foundation.translating import translated
from points.models import PointCurrency
from tiers.documents import written
from tiers.models import Programme

FOLDER = Path(__file__).parent / "templates"
# The tiers that templates speak of, from standard up; a programme's own stand in their places.
LADDER = ("standard", "silver", "gold", "platinum", "diamond")
BY_TIER = ("multipliers", "validity_by_tier", "grace_by_tier")
CURRENCY = "growth"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Template:
    """Rules to begin from; `document` is what tiers.reading reads, with the tiers of LADDER."""

    code: str
    names: dict[str, str]
    descriptions: dict[str, str]
    document: dict[str, Any]

    def __str__(self) -> str:
        return translated(self.names)

    @property
    def description(self) -> str:
        return translated(self.descriptions)


@functools.cache
def templates() -> tuple[Template, ...]:
    """Return every template, in the order that they are offered in."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.toml")))


def _read(path: Path) -> Template:
    content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    return Template(
        code=path.stem.split("_", 1)[1],
        names=content["names"],
        descriptions=content["descriptions"],
        document=_plain(content["rule_book"]),
    )


def _plain(value: Any) -> Any:
    """Return a part of a TOML document as JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return written(value) if isinstance(value, Decimal) else value


def fitted(template: Template, *, programme: Programme) -> dict[str, Any]:
    """Return a template's rules with the programme's tiers in the places of its own, and the bank's growth points; two statements.

    Tiers that the programme lacks are left out; such as the template lacks have no conditions yet.
    """
    codes = dict(zip(LADDER, programme.tiers.order_by("rank").values_list("code", flat=True), strict=False))
    growth = PointCurrency.objects.filter(kind=PointCurrency.Kind.GROWTH).order_by("id").first()
    document = dict(template.document)
    for key in BY_TIER:
        if key in document:
            document[key] = {codes[tier]: one for tier, one in document[key].items() if tier in codes}
    document["conditions"] = [
        one | {"tier": codes[one["tier"]]} | ({"currency": growth.code} if growth and "currency" in one else {})
        for one in document["conditions"]
        if one["tier"] in codes
    ]
    return document
