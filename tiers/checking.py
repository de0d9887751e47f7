"""Checking a rule book before it is one: tiers nobody can hold, thresholds out of order, figures that can't be measured."""

import datetime
import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol

from django.db import connection
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from activity.reports import HIGHEST_GRADE
from foundation.money import number
from foundation.querying import statement
from tiers import describing
from tiers.compiling import Measure
from tiers.models import GRADES, IN_GROWTH_POINTS, SELECTING, WINDOWED, Condition, Metric, RuleBook, Tier

OF_A_LENGTH = (Condition.Window.MONTHS, Condition.Window.DAYS)


class Rules(Protocol):
    """A rule book with its programme's tiers from standard up and its conditions, saved or not: a Ladder, a plan, a draft."""

    @property
    def rule_book(self) -> RuleBook: ...
    @property
    def tiers(self) -> Sequence[Tier]: ...
    @property
    def conditions(self) -> Sequence[Condition]: ...


def complaints(rules: Rules, *, history_from: datetime.date | None = None) -> list[str]:
    """Return what keeps these rules from being a rule book, a sentence each in the reader's language, naming tier and condition.

    With `history_from`, the day from which on the bank's facts are known (see history_from()), windows that begin before it on the
    day the rules come into force are complained of too. What compares conditions waits until each makes sense by itself.
    """
    found = [sentence for condition in rules.conditions for sentence in _of_condition(condition)]
    if found:
        return found
    found += [*_asked_twice(rules), *_without_groups(rules), *_out_of_order(rules), *_exclusions_out_of_order(rules)]
    if not found:
        found += [*_never_held(rules), *_one_day_old(rules)]
    if history_from is not None:
        found += _beyond_history(rules, history_from)
    return list(dict.fromkeys(found))


def history_from() -> datetime.date | None:
    """Return from which day on the bank's facts are known; None before there is a bank. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement("tiers", "history_from"))
        row = cursor.fetchone()
    return row[0] if row else None


def _of_condition(condition: Condition) -> Iterator[str]:
    """Give what is wrong with a condition by itself."""
    tier = named(condition.tier)
    if condition.metric not in Metric.values:
        yield _("%(tier)s: nothing is known as “%(metric)s” to measure.") % {"tier": tier, "metric": condition.metric}
        return
    metric, series = Metric(condition.metric), condition.series
    said = {"tier": tier, "metric": metric.label}
    if condition.keep_minimum > condition.enter_minimum:
        yield _("%(tier)s: keeping asks for more than entering: %(metric)s.") % said
    if metric in WINDOWED and not condition.window:
        yield _("%(tier)s: over which window is missing: %(metric)s.") % said
    if metric not in WINDOWED and condition.window:
        yield _("%(tier)s: it has no window: %(metric)s.") % said
    if (condition.window in OF_A_LENGTH) != bool(condition.window_length):
        yield _("%(tier)s: a window of months or days needs its length, no other has one: %(metric)s.") % said
    if metric in IN_GROWTH_POINTS and not (series and series.currency):
        yield _("%(tier)s: in which growth points is missing: %(metric)s.") % said
    if metric not in SELECTING and series is not None and series.selection:
        yield _("%(tier)s: it can't be narrowed to a selection: %(metric)s.") % said
    if metric in GRADES and not 1 <= condition.enter_minimum <= HIGHEST_GRADE:
        yield _("%(tier)s: grades go from 1 to %(highest)s: %(metric)s.") % (said | {"highest": number(HIGHEST_GRADE)})
    if condition.excludes != (metric == Metric.RISK_GRADE):
        yield _("%(tier)s: a risk grade rules a tier out, and nothing else does: %(metric)s.") % said


def _asked_twice(rules: Rules) -> Iterator[str]:
    seen: set[tuple[int, int, Measure]] = set()
    for condition in rules.conditions:
        measure = Measure.of(condition)
        group = 0 if condition.excludes else condition.group
        if (condition.tier.rank, group, measure) in seen:
            said = {"tier": named(condition.tier), "group": group, "measure": describing.label(measure)}
            yield (
                _("%(tier)s is ruled out twice: %(measure)s.") % said
                if condition.excludes
                else _("%(tier)s asks for the same twice in group %(group)s: %(measure)s.") % said
            )
        seen.add((condition.tier.rank, group, measure))


def _without_groups(rules: Rules) -> Iterator[str]:
    for tier in rules.tiers[1:]:
        if not _groups(rules, tier):
            yield _("%(tier)s has no condition, so nobody could reach it.") % {"tier": named(tier)}
    for condition in rules.conditions:
        if condition.tier.rank == 0:
            yield _("%(tier)s is everybody's and can ask for nothing.") % {"tier": named(condition.tier)}


def _out_of_order(rules: Rules) -> Iterator[str]:
    """Give where a tier asks for less in a group than the next lower one that has this group."""
    for group in sorted({condition.group for condition in rules.conditions if not condition.excludes}):
        ladder = [(tier, asked) for tier in rules.tiers if (asked := _groups(rules, tier).get(group))]
        for (lower, below), (higher, above) in itertools.pairwise(ladder):
            for measure, condition in below.items():
                said = {
                    "higher": named(higher), "lower": named(lower), "group": group, "measure": describing.label(measure),
                }  # fmt: skip
                if measure not in above:
                    yield _("%(higher)s does not ask in group %(group)s for what %(lower)s asks: %(measure)s.") % said
                elif _asks_less(above[measure], condition):
                    yield _("%(higher)s asks for less than %(lower)s in group %(group)s: %(measure)s.") % said


def _exclusions_out_of_order(rules: Rules) -> Iterator[str]:
    """Give which exclusion says nothing, since a lower tier's rules the higher one out already."""
    strictest: dict[Measure, Condition] = {}
    for condition in sorted((one for one in rules.conditions if one.excludes), key=lambda one: one.tier.rank):
        measure = Measure.of(condition)
        lower = strictest.get(measure)
        if (
            lower is not None
            and lower.tier.rank < condition.tier.rank
            and lower.enter_minimum <= condition.enter_minimum
        ):
            yield (
                _("%(higher)s is ruled out already where %(lower)s is, from %(grade)s on: %(measure)s.")
                % {
                    "higher": named(condition.tier),
                    "lower": named(lower.tier),
                    "grade": number(lower.enter_minimum),
                    "measure": describing.label(measure),
                }
            )
        else:
            strictest[measure] = condition


def _never_held(rules: Rules) -> Iterator[str]:
    """Give which tier nobody could ever hold, since each of its groups satisfies a higher tier as well."""
    for lower, higher in itertools.combinations(rules.tiers[1:], 2):
        if any(one.excludes and lower.rank < one.tier.rank <= higher.rank for one in rules.conditions):
            continue
        above = _groups(rules, higher).values()
        if all(any(_satisfied_with(group, asked) for asked in above) for group in _groups(rules, lower).values()):
            yield (
                _("Nobody could hold %(lower)s: who satisfies it satisfies %(higher)s, which asks for no more.")
                % {"lower": named(lower), "higher": named(higher)}
            )


def _one_day_old(rules: Rules) -> Iterator[str]:
    """Give which membership year is reviewed on its first day: the reviews of this calendar are on the anniversaries that begin them."""
    if rules.rule_book.calendar != RuleBook.Calendar.ANNIVERSARY:
        return
    for condition in rules.conditions:
        if condition.window == Condition.Window.MEMBERSHIP_YEAR:
            yield (
                _(
                    "%(tier)s: on an anniversary the membership year is one day old; ask for the last 12 months: %(measure)s."
                )
                % {"tier": named(condition.tier), "measure": describing.label(Measure.of(condition))}
            )


def _beyond_history(rules: Rules, known_from: datetime.date) -> Iterator[str]:
    for condition in rules.conditions:
        measure = Measure.of(condition)
        before = measure.starts_after(rules.rule_book.in_force_from) if measure.window in OF_A_LENGTH else None
        if before is not None and before + datetime.timedelta(days=1) < known_from:
            yield (
                _("%(tier)s looks further back than the bank's facts, which begin on %(date)s: %(measure)s.")
                % {
                    "tier": named(condition.tier),
                    "date": date_format(known_from),
                    "measure": describing.label(measure),
                }
            )


def _groups(rules: Rules, tier: Tier) -> dict[int, dict[Measure, Condition]]:
    """Return what a tier asks for, by group and measure."""
    groups: dict[int, dict[Measure, Condition]] = {}
    for one in rules.conditions:
        if one.tier.rank == tier.rank and not one.excludes:
            groups.setdefault(one.group, {})[Measure.of(one)] = one
    return groups


def _satisfied_with(group: dict[Measure, Condition], asked: dict[Measure, Condition]) -> bool:
    """Return whether who meets all of `group` meets all of `asked`."""
    return all(measure in group and not _asks_less(group[measure], one) for measure, one in asked.items())


def _asks_less(one: Condition, other: Condition) -> bool:
    return one.enter_minimum < other.enter_minimum or one.keep_minimum < other.keep_minimum


def named(tier: Tier) -> str:
    """Return a tier's name, or its code where it has none yet."""
    return str(tier) if tier.names else str(tier.code)
