"""Compiling rule books: what is measured of members, and which tier it satisfies, as SQL with parameters.

The text is made of our own words and numbered names; whatever a person configured goes in as a parameter.
"""

import dataclasses
import datetime
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Self

from django.db import connection

from foundation.periods import add_months
from tiers.calendars import LAST_ANNIVERSARY
from tiers.models import GRADES, SELECTING, WINDOWED, Condition, Metric, RuleBook, Series, Tier, TierTerms


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """What a condition measures, whatever its minima; `key` names it in a decision's figures. What it lacks is "", 0 or empty."""

    metric: Metric
    series_id: int
    quantity: str
    window: str
    window_length: int
    selection: tuple[str, ...] = ()

    @classmethod
    def of(cls, condition: Condition) -> Self:
        """Return what `condition` measures; products are held on a day, tenure runs since joining, so they have no window."""
        metric, series = Metric(condition.metric), condition.series
        windowed = metric in WINDOWED
        return cls(
            metric=metric,
            series_id=condition.series_id or 0,
            quantity=_quantity(series) if series else "",
            window=condition.window if windowed else "",
            window_length=(condition.window_length or 0) if windowed else 0,
            selection=tuple(series.selection) if series and metric in SELECTING else (),
        )

    @property
    def key(self) -> str:
        """Return a name such as growth_points:growth/12m, average_assets:*/90d, transaction_count:*/year, products_held:* or tenure."""
        quantity = f":{self.quantity}" if self.quantity else ""
        window = f"/{self.window_length}{self.window[0]}" if self.window_length else f"/{self.window}"
        return f"{self.metric}{quantity}{window if self.window else ''}"

    def starts_after(self, as_of: datetime.date) -> datetime.date | None:
        """Return the day before the window's first; None where that is not the same for all members, or there is no window."""
        match self.window:
            case Condition.Window.MONTHS:
                return add_months(as_of, -self.window_length)
            case Condition.Window.DAYS:
                return as_of - datetime.timedelta(days=self.window_length)
            case Condition.Window.YEAR:
                return datetime.date(as_of.year - 1, 12, 31)
        return None


def _quantity(series: Series) -> str:
    return series.currency.code if series.currency else "+".join(series.selection) or "*"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """A measured figure, exactly: a count, or for average assets the sum of day balances in minor units over `days`.

    A grade that was never reported has no `total`, and reaches nothing.
    """

    total: int | None
    days: int = 1

    @classmethod
    def stored(cls, figure: int | dict[str, int] | None) -> Self:
        """Return the value of a decision's figure."""
        return cls(**figure) if isinstance(figure, dict) else cls(total=figure)

    @property
    def exact(self) -> Fraction:
        return Fraction(self.total or 0, self.days)

    @property
    def rounded(self) -> int | None:
        """Return the figure as shown: whole, half away from zero (for money that is to 0.01)."""
        if self.total is None:
            return None
        rounded = (abs(self.total) * 2 + self.days) // (self.days * 2)
        return rounded if self.total >= 0 else -rounded

    def reaches(self, minimum: int) -> bool:
        return self.total is not None and self.total >= minimum * self.days

    def missing_to(self, minimum: int) -> int:
        """Return the least whole number that added to the figure reaches `minimum`; 0 if it does."""
        if self.total is None:
            return max(1, minimum)
        return max(0, -((self.total - minimum * self.days) // self.days))

    def meets(self, condition: Condition, minimum: int) -> bool:
        """Return whether the figure is what the condition asks at `minimum`: reaches it or, of one that excludes, does not."""
        return self.reaches(minimum) is not condition.excludes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ladder:
    """A programme's rule book with its tiers from standard up, its conditions and terms, as loaded or, of a draft, as read."""

    rule_book: RuleBook
    tiers: list[Tier]
    conditions: list[Condition]
    terms: list[TierTerms]

    @property
    def measures(self) -> list[Measure]:
        """Return what the conditions measure, each once, in their order."""
        return list(dict.fromkeys(Measure.of(condition) for condition in self.conditions))

    @property
    def validities(self) -> list[int | None]:
        """Return each tier's validity in months, from standard up; None where each review decides afresh. Never lowered, never due."""
        if self.rule_book.downgrade == RuleBook.Downgrade.NEVER:
            return [None for _tier in self.tiers]
        own = {terms.tier_id: terms.validity_months for terms in self.terms}
        return [own.get(tier.pk) or self.rule_book.validity_months for tier in self.tiers]

    @property
    def graces(self) -> list[int]:
        """Return each tier's grace in the rule book's unit, from standard up; 0 is none."""
        if self.rule_book.downgrade != RuleBook.Downgrade.GRACE:
            return [0 for _tier in self.tiers]
        own = {terms.tier_id: terms.grace_length for terms in self.terms}
        book = self.rule_book.grace_length
        return [book if (length := own.get(tier.pk)) is None else length for tier in self.tiers]

    def groups_of(self, tier: Tier) -> list[list[Condition]]:
        """Return the groups of conditions any of which satisfies `tier`, in order of their numbers."""
        asked = [one for one in self.conditions if one.tier_id == tier.pk and not one.excludes]
        return [list(group) for _number, group in itertools.groupby(asked, key=lambda condition: condition.group)]

    def exclusions_of(self, tier: Tier) -> list[Condition]:
        """Return the conditions that rule `tier` out, its own and those of lower tiers: of each measure the strictest."""
        strictest: dict[Measure, Condition] = {}
        for one in self.conditions:
            if one.excludes and one.tier.rank <= tier.rank:
                known = strictest.setdefault(Measure.of(one), one)
                if one.enter_minimum < known.enter_minimum:
                    strictest[Measure.of(one)] = one
        return list(strictest.values())


def ladders_in_force(*, as_of: datetime.date) -> list[Ladder]:
    """Return the rule book of each programme that is in force on `as_of`, in order of programme; four statements."""
    books = RuleBook.objects.standing().filter(in_force_from__lte=as_of).order_by("programme", "-in_force_from")
    return load(books.distinct("programme").select_related("programme"))


def load(books: Iterable[RuleBook], *, tiers: Sequence[Tier] | None = None) -> list[Ladder]:
    """Return the ladders of rule books in three statements more, however many there are; two where their `tiers` are at hand, by rank."""
    books = list(books)
    if tiers is None:
        tiers = list(Tier.objects.filter(programme__in=[book.programme_id for book in books]).order_by("rank"))
    conditions = list(
        Condition.objects.filter(rule_book__in=books)
        .select_related("tier", "series__currency")
        .order_by("tier__rank", "group", "id")
    )
    terms = list(TierTerms.objects.filter(rule_book__in=books))
    return [
        Ladder(
            rule_book=book,
            tiers=[tier for tier in tiers if tier.programme_id == book.programme_id],
            conditions=[condition for condition in conditions if condition.rule_book_id == book.pk],
            terms=[one for one in terms if one.rule_book_id == book.pk],
        )
        for book in books
    ]


class Statement:
    """SQL under construction, with the parameters that it names.

    With `booked_by` the figures are those of the facts booked by that date, for members from %(first_member)s to %(last_member)s;
    without, of all that were rolled up, which the night's review need not ask twice. Series in `apart` are read from the table
    rehearsed_total, which holds no later fact (tiers.replaying).
    """

    def __init__(
        self, *, as_of: datetime.date, booked_by: datetime.date | None = None, apart: frozenset[int] = frozenset()
    ) -> None:
        self.as_of, self.booked_by, self.apart = as_of, booked_by, apart
        self.parameters: dict[str, Any] = {"as_of": as_of}
        self.measures: list[Measure] = []

    def add(self, value: Any) -> str:
        """Add a parameter and return its placeholder; equal numbers and dates share one."""
        for name, known in self.parameters.items():
            if type(known) is type(value) and known == value:
                return f"%({name})s"
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s"

    def measured(self, measures: Iterable[Measure], *, where: str) -> str:
        """Return a query: member_id, joined_on and for the n-th measure value_n and, of an average, days_n.

        A running total is probed once for each series and day that a window begins after or ends on, a grade once for each scale;
        indexes: their primary keys. A grade that was never reported is NULL.
        """
        self.measures = list(dict.fromkeys(measures))
        probes: dict[tuple[int, str], str] = {}
        columns, joins = ["member.id AS member_id", "member.joined_on"], []
        for number, measure in enumerate(self.measures):
            if measure.metric == Metric.TENURE:
                columns.append(f"{TENURE} AS value_{number}")
                continue
            if measure.metric in GRADES:
                joins.append(
                    GRADE.format(name=f"grade_{number}", scale=self.add(measure.metric.removesuffix("_grade")))
                )
                columns.append(f"grade_{number}.grade AS value_{number}")
                continue
            end = probes.setdefault((measure.series_id, "%(as_of)s"), f"probe_{len(probes)}")
            value = self._through(measure, end)
            days = f"%(as_of)s - {self._first_day(measure, end)} + 1"
            if before := self._day_before(measure):
                begin = probes.setdefault((measure.series_id, before), f"probe_{len(probes)}")
                value += f" - ({self._through(measure, begin)})"
                days = f"least(%(as_of)s - {before}, {days})"
            columns.append(f"{value} AS value_{number}")
            if measure.metric == Metric.AVERAGE_ASSETS:
                columns.append(f"coalesce({days}, 1) AS days_{number}")
        joins += [
            PROBE.format(
                name=name,
                series=self.add(series_id),
                day=day,
                table="rehearsed_total" if series_id in self.apart else "tiers_runningtotal",
            )
            for (series_id, day), name in probes.items()
        ]
        joins += self._late(probes)
        return f"SELECT {', '.join(columns)}\nFROM members_member AS member\n{chr(10).join(joins)}\nWHERE {where}"

    def _day_before(self, measure: Measure) -> str | None:
        """Return the day before the window's first as a parameter or, where it is each member's own, an expression."""
        if before := measure.starts_after(self.as_of):
            return self.add(before)
        if measure.window == Condition.Window.MEMBERSHIP_YEAR:
            return f"({LAST_ANNIVERSARY} - 1)"
        return "(member.joined_on - 1)" if measure.metric == Metric.CUMULATIVE_CONTRIBUTION else None

    def _corrects(self, series_id: int) -> bool:
        return self.booked_by is not None and series_id not in self.apart

    def _through(self, measure: Measure, probe: str) -> str:
        later = f" - coalesce(late.{probe}, 0)" if self._corrects(measure.series_id) else ""
        return f"coalesce({probe}.through, 0){later}"

    def _first_day(self, measure: Measure, probe: str) -> str:
        """Return the day that an average counts from; of a series that began with facts booked later, none."""
        if not self._corrects(measure.series_id):
            return f"{probe}.first_day"
        first_day = f"coalesce(late.first_of_{probe}, {probe}.first_day)"
        return f"CASE WHEN {first_day} <= %(as_of)s THEN {first_day} END"

    def _late(self, probes: dict[tuple[int, str], str]) -> list[str]:
        """Return the join that gives, by probe, what facts booked later added to it; none where it isn't asked for."""
        by_level = {one.series_id for one in self.measures if one.metric == Metric.AVERAGE_ASSETS}
        columns = []
        for (series_id, through), name in probes.items():
            if not self._corrects(series_id):
                continue
            series = self.add(series_id)
            change = f"change * ({through} - day + 1)" if series_id in by_level else "change"
            columns.append(
                f"(sum({change}) FILTER (WHERE series_id = {series} AND day <= {through}))::bigint AS {name}"
            )
            columns.append(
                f"(array_agg(first_day ORDER BY booked_on) FILTER (WHERE series_id = {series} AND first_day IS NOT NULL))[1]"
                f" AS first_of_{name}"
            )
        if not columns:
            return []
        booked_by, selected = self.add(self.booked_by), ", ".join(columns)
        return [
            # A window may begin on a day of the member's own.
            f"LEFT JOIN (SELECT member_id, {selected}\n"  # noqa: S608 (our own words)
            "  FROM tiers_latejump JOIN members_member AS member ON member.id = member_id\n"
            f"  WHERE member_id BETWEEN %(first_member)s AND %(last_member)s AND booked_on > {booked_by} AND day <= %(as_of)s\n"
            "  GROUP BY member_id) AS late ON late.member_id = member.id"
        ]

    def target(self, ladder: Ladder) -> str:
        """Return an expression over the measured columns and `present`: the place in the ladder, from 1, of the highest tier satisfied."""
        cases = []
        for place, tier in reversed(list(enumerate(ladder.tiers[1:], start=2))):
            groups = [" AND ".join(self._met(one, place) for one in group) for group in ladder.groups_of(tier)]
            if groups:
                ways = [f"({') OR ('.join(groups)})", *map(self._ruled_in, ladder.exclusions_of(tier))]
                cases.append(f"WHEN ({') AND ('.join(ways)}) THEN {place}")
        return f"CASE {' '.join(cases)} ELSE 1 END" if cases else "1"

    def figures(self, ladder: Ladder) -> str:
        """Return an expression: the measures of the ladder by key, as Value.stored reads them."""
        pairs = [
            f"{self.add(measure.key)}::text, {self._stored(self.measures.index(measure))}"
            for measure in ladder.measures
        ]
        return f"jsonb_build_object({', '.join(pairs)})"

    def _met(self, condition: Condition, place: int) -> str:
        measure = Measure.of(condition)
        number = self.measures.index(measure)
        minimum = self.add(condition.enter_minimum)
        if condition.keep_minimum != condition.enter_minimum:
            minimum = f"CASE WHEN present >= {place} THEN {self.add(condition.keep_minimum)} ELSE {minimum} END"
        days = f" * days_{number}" if measure.metric == Metric.AVERAGE_ASSETS else ""
        return f"value_{number} >= ({minimum})::bigint{days}"

    def _ruled_in(self, condition: Condition) -> str:
        number = self.measures.index(Measure.of(condition))
        return f"value_{number} IS NULL OR value_{number} < {self.add(condition.enter_minimum)}"

    def _stored(self, number: int) -> str:
        if self.measures[number].metric == Metric.AVERAGE_ASSETS:
            return f"jsonb_build_object('total', value_{number}, 'days', days_{number})"
        return f"value_{number}"


# Completed months since joining: the greatest n with joined_on + n months, clipped, <= as_of. joined_on + the months between the
# two calendar months falls into the month of as_of; where it is still ahead, one less is complete.
MONTHS_BETWEEN = (
    "((extract(year FROM %(as_of)s) - extract(year FROM member.joined_on)) * 12"
    " + extract(month FROM %(as_of)s) - extract(month FROM member.joined_on))::int"
)
TENURE = f"({MONTHS_BETWEEN} - (member.joined_on + make_interval(months => {MONTHS_BETWEEN}) > %(as_of)s)::int)"

# A series' total through the end of a day, by the last row up to it.
PROBE = """LEFT JOIN LATERAL (
  SELECT running.total + running.level * ({day} - running.day + 1) AS through, running.first_day
  FROM {table} AS running
  WHERE running.member_id = member.id AND running.series_id = {series} AND running.day <= {day}
  ORDER BY running.day DESC LIMIT 1
) AS {name} ON true"""

# The last grade reported for a day up to as_of, in its last revision, of what was booked by then.
GRADE = """LEFT JOIN LATERAL (
  SELECT report.grade::bigint AS grade
  FROM activity_gradereport AS report
  WHERE report.member_id = member.id AND report.scale = {scale} AND report.day <= %(as_of)s AND report.booked_on <= %(as_of)s
  ORDER BY report.day DESC, report.revision DESC LIMIT 1
) AS {name} ON true"""


def evaluate(
    *, ladder: Ladder, member_id: int, days: Sequence[datetime.date], present: Tier
) -> list[tuple[dict[str, Value], Tier]]:
    """Return a member's figures as of each date by measure key, and the tier they satisfy for a holder of `present`.

    One statement, built as reviews build theirs.
    """
    parts: list[str] = []
    parameters: dict[str, Any] = {}
    for number, day in enumerate(days):
        statement = Statement(as_of=day)
        measured = statement.measured(ladder.measures, where=f"member.id = {statement.add(member_id)}")
        place = statement.add(ladder.tiers.index(present) + 1)
        figures, target = statement.figures(ladder), statement.target(ladder)
        part = f"SELECT {number}, {figures}::text, {target} FROM (SELECT *, {place} AS present FROM ({measured}) AS m) AS m"  # noqa: S608 (see above)
        sql, own = beside(part, statement.parameters, f"on_{number}")
        parts.append(sql)
        parameters |= own
    with connection.cursor() as cursor:
        cursor.execute("\nUNION ALL\n".join(parts), parameters)
        return [
            (values_of(json.loads(stored)), ladder.tiers[reached - 1])
            for _number, stored, reached in sorted(cursor.fetchall())
        ]


def beside(sql: str, parameters: dict[str, Any], prefix: str) -> tuple[str, dict[str, Any]]:
    """Return SQL and its parameters under names of their own, so that they can stand beside another statement's."""
    return re.sub(r"%\((\w+)\)s", rf"%({prefix}_\1)s", sql), {
        f"{prefix}_{name}": one for name, one in parameters.items()
    }


def values_of(figures: dict[str, int | dict[str, int] | None]) -> dict[str, Value]:
    """Return a decision's figures as values by measure key."""
    return {key: Value.stored(figure) for key, figure in figures.items()}
