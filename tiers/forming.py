"""A draft as a form and back: fields by name, what was typed in them, and each complaint at its field."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from points.models import PointCurrency
from tiers.models import IN_GROWTH_POINTS, SELECTING, WINDOWED, Condition, Metric, RuleBook, Tier
from tiers.reading import YEARS

WHOLE = re.compile(r"-?\d{1,15}")
FRACTION = re.compile(r"\d{1,15}\.\d{1,6}")
# How much of what is typed into one field is kept.
LONGEST = 200
# Where the codes come from that a metric can be narrowed to.
SOURCES = {
    Metric.AVERAGE_ASSETS: "classes",
    Metric.TRANSACTION_COUNT: "kinds",
    Metric.TRANSACTION_AMOUNT: "kinds",
    Metric.PRODUCTS_HELD: "products",
}
GENERAL = ("calendar", "upgrades", "validity_months", "downgrade", "down", "grace")
BY_TIER = {"multipliers": "multiplier", "validity_by_tier": "validity", "grace_by_tier": "grace"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One field: its name, label, what stands in it, options where it is a choice, and what is wrong with it.

    `needs` names the choice that it depends on and the values under which it means something, such as `downgrade: grace`.
    """

    name: str
    label: str
    value: str
    options: Sequence[tuple[str, Any]] = ()
    help: str = ""
    errors: Sequence[str] = ()
    needs: str = ""
    values: str = ""
    unit: "Field | None" = None
    numeric: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picks:
    """Codes of one source to pick from, as (code, word, is picked); they mean something for the metrics in `values`."""

    name: str
    label: str
    needs: str
    values: str
    codes: Sequence[tuple[str, str, bool]]

    @property
    def picked(self) -> int:
        return sum(is_picked for _code, _word, is_picked in self.codes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One condition: its place in the document, its fields, codes to pick, and what is wrong with it as a whole."""

    index: int
    fields: list[Field]
    picks: Sequence[Picks] = ()
    errors: Sequence[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """A group of conditions that must all be met; any way is enough."""

    number: int
    rows: list[Row]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """A tier's part of the form; the standard tier has no ways. `exclusions` rule it out, whatever else is met."""

    tier: Tier
    fields: list[Field]
    ways: list[Way]
    exclusions: list[Row]
    errors: Sequence[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """The whole form: general terms, then the tiers from the lowest up."""

    general: list[Field]
    steps: list[Step]
    errors: Sequence[str]


def typed(posted: Mapping[str, Any], *, tiers: Sequence[Tier]) -> dict[str, Any]:
    """Return the document that a posted form says, as it was typed; what does not apply to the choices made is left out."""

    def said(name: str) -> Any:
        return _value(str(posted.get(name, ""))[:LONGEST])

    graceful = posted.get("downgrade") == RuleBook.Downgrade.GRACE
    unit = _among(posted.get("grace_unit"), RuleBook.GraceUnit.values)
    document: dict[str, Any] = {name: said(name) for name in GENERAL if name != "grace"}
    document["grace"] = _length(said("grace"), unit) if graceful else ""
    for key, prefix in BY_TIER.items():
        values = {tier.code: said(f"{prefix}-{tier.code}") for tier in tiers}
        if key == "grace_by_tier":
            values = {code: _length(value, unit) if graceful else "" for code, value in values.items()}
        document[key] = _filled(values)
    indexes = sorted(int(match[1]) for name in posted if (match := re.fullmatch(r"c-(\d{1,4})-tier", name)))
    document["conditions"] = in_order((_condition(posted, f"c-{index}-", said) for index in indexes), tiers)
    return _filled(document)


def _condition(posted: Mapping[str, Any], prefix: str, said: Any) -> dict[str, Any]:
    metric = str(posted.get(f"{prefix}metric", ""))
    if metric == Metric.RISK_GRADE:
        excluding = {name: said(f"{prefix}{name}") for name in ("tier", "metric", "enter")}
        return _filled(excluding | {"excludes": True})
    condition = {name: said(f"{prefix}{name}") for name in ("tier", "group", "metric", "enter", "keep")}
    if metric in IN_GROWTH_POINTS:
        condition["currency"] = said(f"{prefix}currency")
    if metric in SELECTING:
        words = re.split(r"[,，、;；]", str(posted.get(f"{prefix}selection", ""))[:LONGEST])
        picked = _each(posted, f"{prefix}picked-{SOURCES[Metric(metric)]}")
        condition["selection"] = sorted({word.strip() for word in [*picked, *words] if word.strip()})
    if metric in WINDOWED:
        unit = _among(posted.get(f"{prefix}window_unit"), [one for one in Condition.Window.values if one])
        condition["window"] = _length(said(f"{prefix}window"), unit)
    return _filled(condition)


def _each(posted: Mapping[str, Any], name: str) -> list[str]:
    """Return every value that was sent under one name."""
    values = posted.getlist(name) if isinstance(posted, MultiValueDict) else posted.get(name, ())
    return [str(value)[:LONGEST] for value in values]


def in_order(conditions: Iterable[dict[str, Any]], tiers: Sequence[Tier]) -> list[dict[str, Any]]:
    """Return conditions by tier from the lowest up, then by way, each way in the order it has."""
    ranks = {tier.code: tier.rank for tier in tiers}
    return sorted(conditions, key=lambda one: (ranks.get(one.get("tier", ""), 0), _number(one.get("group", 1))))


def _number(group: Any) -> int:
    return group if isinstance(group, int) else 0


def _value(raw: str) -> Any:
    """Return a number where one was typed, its thousands separators aside, else the text."""
    text = raw.strip()
    plain = re.sub(r"(?<=\d)[,，](?=\d{3})", "", text)
    if WHOLE.fullmatch(plain):
        return int(plain)
    return plain if FRACTION.fullmatch(plain) else text


def _length(value: Any, unit: str) -> str:
    if unit in YEARS.values():
        return next(written for written, window in YEARS.items() if window == unit)
    return f"{value} {unit}" if value != "" else ""


def _among(value: Any, allowed: Sequence[str]) -> str:
    return value if value in allowed else allowed[0]


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", [], {}, None)}


def laid_out(
    document: Mapping[str, Any],
    *,
    tiers: Sequence[Tier],
    currencies: Sequence[PointCurrency],
    errors: Mapping[str, list[str]],
    codes: Mapping[str, Sequence[tuple[str, str]]],
) -> Form:
    """Return the form that shows a document; `errors` are sentences by field name, see tiers.complaining, `codes` as of tiers.choosing."""
    shown = _Shown(document, currencies, errors, codes)
    return Form(
        general=shown.general(),
        steps=[shown.step(tier) for tier in tiers],
        errors=errors.get("", ()),
    )


class _Shown:
    """The fields of one document."""

    def __init__(
        self,
        document: Mapping[str, Any],
        currencies: Sequence[PointCurrency],
        errors: Mapping[str, list[str]],
        codes: Mapping[str, Sequence[tuple[str, str]]],
    ) -> None:
        self.document, self.errors, self.codes = document, errors, codes
        self.currencies = [(one.code, one) for one in currencies]
        self.unit = _parted(document.get("grace"))[1] or _unit_of(document.get("grace_by_tier")) or "days"

    def field(self, name: str, label: str, value: Any, **more: Any) -> Field:
        value = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        return Field(name=name, label=label, value=value, errors=self.errors.get(name, ()), **more)

    def general(self) -> list[Field]:
        said, grace = self.document.get, _parted(self.document.get("grace"))
        upgrades = [("at_review", _("at the review")), ("nightly", _("every night, as soon as it is reached"))]
        down = [("one_step", _("one tier")), ("to_target", _("to the tier whose minima are met"))]
        unit = self.field("grace_unit", _("unit of grace"), self.unit, options=RuleBook.GraceUnit.choices)
        graceful = said("downgrade") == RuleBook.Downgrade.GRACE
        return [
            self.field("calendar", _("review calendar"), said("calendar"), options=RuleBook.Calendar.choices),
            self.field("upgrades", _("upgrades"), said("upgrades"), options=upgrades),
            self.field(
                "validity_months", _("validity in months"), said("validity_months"), numeric=True,
                help=_("Empty: each review decides afresh."),
            ),
            self.field("downgrade", _("downgrade"), said("downgrade"), options=RuleBook.Downgrade.choices),
            self.field(
                "down", _("how far down"), said("down") or ("one_step" if graceful else "to_target"), options=down,
                needs="downgrade", values="immediate grace",
            ),
            self.field(
                "grace", _("grace period"), grace[0], unit=unit, numeric=True, needs="downgrade", values="grace",
            ),
        ]  # fmt: skip

    def step(self, tier: Tier) -> Step:
        said = {key: self.document.get(key) or {} for key in BY_TIER}
        fields = [
            self.field(
                f"multiplier-{tier.code}", _("points multiplier"), said["multipliers"].get(tier.code), numeric=True,
                help=_("Empty: 1."),
            )
        ]  # fmt: skip
        if tier.rank:
            as_general = _("Empty: as the general terms say.")
            grace = _parted(said["grace_by_tier"].get(tier.code))[0]
            fields += [
                self.field(
                    f"validity-{tier.code}", _("validity in months"), said["validity_by_tier"].get(tier.code),
                    numeric=True, help=as_general,
                ),
                self.field(
                    f"grace-{tier.code}", _("grace period"), grace, numeric=True, needs="downgrade", values="grace",
                    help=_("In the unit of the general terms; empty: as they say."),
                ),
            ]  # fmt: skip
        own = [(at, one) for at, one in enumerate(self.document.get("conditions", ())) if one.get("tier") == tier.code]
        exclusions = [self.exclusion(index, one) for index, one in own if one.get("excludes")]
        asked = [(index, one) for index, one in own if not one.get("excludes")]
        ways = [
            Way(
                number=number,
                rows=[self.row(index, one) for index, one in asked if _number(one.get("group", 1)) == number],
            )
            for number in sorted({_number(one.get("group", 1)) for _index, one in asked})
        ]
        errors = self.errors.get(f"tier-{tier.code}", ())
        return Step(tier=tier, fields=fields, ways=ways, exclusions=exclusions, errors=errors)

    def exclusion(self, index: int, condition: Mapping[str, Any]) -> Row:
        enter = self.field(
            f"c-{index}-enter", _("ruled out from this risk grade on"), condition.get("enter"), numeric=True
        )
        return Row(index=index, fields=[enter], errors=self.errors.get(f"c-{index}", ()))

    def row(self, index: int, condition: Mapping[str, Any]) -> Row:
        prefix, said = f"c-{index}-", condition.get
        length, unit = _parted(said("window"))
        choose = [("", _("Choose what is measured")), *Metric.choices]
        choose.remove((Metric.RISK_GRADE.value, Metric.RISK_GRADE.label))
        window_unit = self.field(
            f"{prefix}window_unit", _("unit of the window"), unit or "months",
            options=[one for one in Condition.Window.choices if one[0]],
        )  # fmt: skip
        needs = {"needs": f"{prefix}metric"}
        fields = [
            self.field(f"{prefix}metric", _("what is measured"), said("metric"), options=choose),
            self.field(
                f"{prefix}currency", _("point currency"), said("currency"), options=self.currencies,
                values=" ".join(sorted(IN_GROWTH_POINTS)), **needs,
            ),
            self.field(
                f"{prefix}window", _("window"), length, unit=window_unit, numeric=True, values=" ".join(sorted(WINDOWED)),
                **needs,
            ),
            self.field(f"{prefix}enter", _("minimum to enter"), said("enter"), numeric=True),
            self.field(
                f"{prefix}keep", _("minimum to keep"), said("keep"), numeric=True, help=_("Empty: as to enter."),
            ),
            self.field(
                f"{prefix}selection", _("only these"), self.not_listed(condition), values=" ".join(sorted(SELECTING)),
                help=_("Pick below what counts, or type codes that are not listed, with commas; nothing: all."), **needs,
            ),
        ]  # fmt: skip
        picks = [self.picks(prefix, source, condition) for source in self.codes]
        return Row(index=index, fields=fields, picks=picks, errors=self.errors.get(f"c-{index}", ()))

    def picks(self, prefix: str, source: str, condition: Mapping[str, Any]) -> Picks:
        labels = {"classes": _("account classes"), "kinds": _("kinds of activity"), "products": _("products")}
        of_it = SOURCES.get(condition.get("metric", "")) == source
        selection = _listed(condition) if of_it else []
        return Picks(
            name=f"{prefix}picked-{source}",
            label=labels[source],
            needs=f"{prefix}metric",
            values=" ".join(sorted(metric for metric, its in SOURCES.items() if its == source)),
            codes=[(code, word, code in selection) for code, word in self.codes[source]],
        )

    def not_listed(self, condition: Mapping[str, Any]) -> list[str]:
        """Return what a condition is narrowed to and the bank has not in its lists: it is typed."""
        offered = {code for code, _word in self.codes.get(SOURCES.get(condition.get("metric", ""), ""), ())}
        return [one for one in _listed(condition) if one not in offered]


def _listed(condition: Mapping[str, Any]) -> list[str]:
    selection = condition.get("selection") or []
    return list(map(str, selection)) if isinstance(selection, list) else [str(selection)]


def _parted(length: Any) -> tuple[str, str]:
    """Return a length such as "3 months" as what was typed and its unit; a year has no length."""
    if length in YEARS:
        return "", YEARS[length]
    typed_length, _blank, unit = str(length or "").rpartition(" ")
    return (typed_length, unit) if typed_length else (unit, "")


def _unit_of(lengths: Any) -> str:
    return next((_parted(one)[1] for one in (lengths or {}).values()), "")
