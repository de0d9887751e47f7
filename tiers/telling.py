"""A rule book told to people: sentences with two conditions at most, and worked examples, all made from the rules themselves."""

import dataclasses
from collections.abc import Sequence

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from tiers.compiling import Ladder, Measure, Value
from tiers.describing import Words, both, counting
from tiers.lasting import lasting
from tiers.models import GRADES, Condition, Tier

# The clarity rule: nobody keeps more than two conditions of one sentence in mind.
MOST_IN_A_SENTENCE = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """One tier in sentences: how it is reached, how it is kept, what it gives; then the example."""

    tier: Tier
    sentences: list[str]
    example: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wording:
    """A ladder in one language: its tiers from the highest down, how long they last, and what counts."""

    language: str
    name: str
    tiers: list[Told]
    lasting: list[str]
    counting: list[str]


def in_each_language(ladder: Ladder, words: Words | None = None) -> list[Wording]:
    """Return a ladder, a draft's too, in every language of the bank; one statement at most, where no `words` are given."""
    words, wordings = words or Words(), []
    for language, name in settings.LANGUAGES:
        with translation.override(language):
            wordings.append(
                Wording(
                    language=language,
                    name=str(name),
                    tiers=[_told(ladder, tier, words) for tier in reversed(ladder.tiers)],
                    lasting=lasting(ladder),
                    counting=counting(ladder),
                )
            )
    return wordings


def _told(ladder: Ladder, tier: Tier, words: Words) -> Told:
    multiplier = next((one.multiplier for one in ladder.terms if one.tier_id == tier.pk), 1)
    sentences = reaching(ladder, tier, words) + keeping(ladder, tier, words) + excluding(ladder, tier, words)
    if multiplier != 1:
        sentences.append(
            _("Points are multiplied by %(factor)s.") % {"factor": f"{multiplier:f}".rstrip("0").rstrip(".")}
        )
    return Told(tier=tier, sentences=sentences, example=example(ladder, tier, words))


def reaching(ladder: Ladder, tier: Tier, words: Words) -> list[str]:
    """Return how a tier is reached, in the reader's language."""
    if tier is ladder.tiers[0]:
        return [_("Everybody else is %(tier)s.") % {"tier": tier}]
    ways = {group[0].group: [words.asked(one, one.enter_minimum) for one in group] for group in ladder.groups_of(tier)}
    opening = _("%(tier)s is reached with %(what)s.")
    several = _("%(tier)s is reached in any of %(count)s ways.")
    return _said(ways, tier, opening=opening, several=several)


def keeping(ladder: Ladder, tier: Tier, words: Words) -> list[str]:
    """Return how a tier is kept; nothing where keeping asks for what reaching asks for."""
    groups = ladder.groups_of(tier)
    if all(one.keep_minimum == one.enter_minimum for group in groups for one in group):
        return []
    ways = {group[0].group: [words.asked(one, one.keep_minimum) for one in group] for group in groups}
    opening = _("%(tier)s is kept with %(what)s.")
    several = _("%(tier)s is kept in any of %(count)s ways.")
    return _said(ways, tier, opening=opening, several=several)


def excluding(ladder: Ladder, tier: Tier, words: Words) -> list[str]:
    """Return what rules a tier out, whatever else is met."""
    return [
        _("Who has a risk grade of %(grade)s or more never has it.")
        % {"grade": words.shown(Measure.of(one), one.enter_minimum)}
        for one in ladder.exclusions_of(tier)
    ]


def _said(ways: dict[int, list[str]], tier: Tier, *, opening: str, several: str) -> list[str]:
    if len(ways) == 1:
        first, *rest = _pairs(next(iter(ways.values())))
        return [
            opening % {"tier": tier, "what": both(first)},
            *(_("It also asks for %(what)s.") % {"what": both(pair)} for pair in rest),
        ]
    sentences = [several % {"tier": tier, "count": len(ways)}] if ways else []
    for place, asked in ways.items():
        first, *rest = _pairs(asked)
        sentences.append(_("Way %(number)s: %(what)s.") % {"number": place, "what": both(first)})
        sentences += [
            _("Way %(number)s also asks for %(what)s.") % {"number": place, "what": both(pair)} for pair in rest
        ]
    return sentences


def _pairs(parts: Sequence[str]) -> list[Sequence[str]]:
    return [parts[start : start + MOST_IN_A_SENTENCE] for start in range(0, len(parts), MOST_IN_A_SENTENCE)]


def example(ladder: Ladder, tier: Tier, words: Words) -> list[str]:
    """Return what becomes of a member just at the minima of the tier's first way, and of one just below, worked out by the rules."""
    group = next(iter(ladder.groups_of(tier)), None)
    if not group:
        return []
    figures = {Measure.of(one).key: Value(total=one.enter_minimum) for one in group}
    reached = target(ladder, figures)
    first, *rest = _pairs([words.figure(Measure.of(one), figures[Measure.of(one).key]) for one in group])
    sentences = [_("Example: a member has %(figures)s.") % {"figures": both(first)}]
    sentences += [_("The member also has %(figures)s.") % {"figures": both(pair)} for pair in rest]
    sentences.append(_("That makes %(tier)s.") % {"tier": reached})
    short = next((one for one in group if one.enter_minimum > (1 if one.metric in GRADES else 0)), None)
    if short is None:
        return sentences
    measure = Measure.of(short)
    below = figures | {measure.key: Value(total=short.enter_minimum - 1)}
    instead = target(ladder, below)
    pattern = (
        _("With %(figure)s it makes %(tier)s; for %(higher)s this is missing: %(missing)s.")
        if instead.rank < tier.rank
        else _("With %(figure)s it makes %(tier)s all the same.")
    )
    parts = {
        "figure": words.figure(measure, below[measure.key]),
        "tier": instead,
        "higher": tier,
        "missing": words.missing(short, 1),
    }
    return [*sentences, pattern % parts]


def target(ladder: Ladder, figures: dict[str, Value], present: Tier | None = None) -> Tier:
    """Return the highest tier that figures by measure key satisfy for a holder of `present` (none: standard), as reviews find it.

    A figure that is not given is 0, a grade that is not given was never reported.
    """
    rank = present.rank if present else 0

    def met(condition: Condition, tier: Tier) -> bool:
        minimum = condition.keep_minimum if tier.rank <= rank else condition.enter_minimum
        measure = Measure.of(condition)
        nothing = Value(total=None if measure.metric in GRADES else 0)
        return figures.get(measure.key, nothing).meets(condition, minimum)

    for tier in reversed(ladder.tiers[1:]):
        is_ruled_in = all(met(one, tier) for one in ladder.exclusions_of(tier))
        if is_ruled_in and any(all(met(one, tier) for one in group) for group in ladder.groups_of(tier)):
            return tier
    return ladder.tiers[0]
