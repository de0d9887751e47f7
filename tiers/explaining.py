"""Explaining a tier: why this one, what the next one asks, and a stored decision in words."""

import dataclasses
import datetime
from collections.abc import Sequence
from fractions import Fraction

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from members.models import Member
from tiers import standings
from tiers.compiling import Ladder, Measure, Value, evaluate, load, values_of
from tiers.describing import Words, both, counting
from tiers.models import Condition, Decision, Programme, RuleBook, Tier


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """A member's figure beside a minimum; `gap` is what is missing, 0 where it is met. `shown` texts are for people.

    `value` is exact, `minimum` and `gap` are in the measure's unit (points, minor units, transactions, products, months).
    """

    measure: Measure
    value: Value
    minimum: int
    met: bool
    gap: int
    label: str
    value_shown: str
    minimum_shown: str
    gap_shown: str

    @property
    def percent(self) -> int:
        """Return how much of the minimum is reached, 0 to 100, 100 only where it is met."""
        if self.met:
            return 100
        return max(0, min(99, int(self.value.exact * 100 / self.minimum))) if self.minimum > 0 else 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """Minima that must be met together; any group of a tier is enough."""

    measured: list[Measured]
    missing: str

    @property
    def met(self) -> bool:
        return all(one.met for one in self.measured)

    @property
    def percent(self) -> int:
        """Return how much of the group is reached, 0 to 100: of what must all be met, the part that lags most."""
        return min((one.percent for one in self.measured), default=100)

    @property
    def distance(self) -> Fraction:
        """Return what is missing as shares of the minima, summed: the nearest group has the least."""
        return sum((Fraction(one.gap, max(one.minimum, 1)) for one in self.measured), Fraction(0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a member has his tier in a programme as of a date, and what is missing for the next.

    `satisfied` is the tier that the figures of the date satisfy; a review would give it, at once or, of a tier still valid, at
    its end. `keeping` holds the present tier's groups at their minima to keep, `rising` the next one's at theirs to enter.
    """

    programme: Programme
    rule_book: RuleBook
    as_of: datetime.date
    tier: Tier
    next_tier: Tier | None
    satisfied: Tier
    valid_until: datetime.date | None
    decision: Decision | None
    keeping: list[Group]
    rising: list[Group]
    reason: str
    outlook: list[str]
    counting: list[str]
    history: list[str]

    @property
    def kept(self) -> bool:
        """Return whether one of the present tier's groups is met; standard asks for nothing."""
        return any(group.met for group in self.keeping) or not self.keeping

    @property
    def nearest(self) -> Group | None:
        """Return the group that brings the next tier soonest; None at the top."""
        return min(self.rising, key=lambda group: group.distance, default=None)

    @property
    def sentences(self) -> list[str]:
        """Return the reason and the outlook, in reading order."""
        return [self.reason, *self.outlook]


def explain(
    *,
    member: Member,
    programme: Programme,
    as_of: datetime.date,
    stood: standings.Stood | None = None,
    words: Words | None = None,
    history: Sequence[Decision] = (),
) -> Explanation | None:
    """Explain the member's tier in a programme as of a date in the reader's language; None where no rule book was in force.

    Figures are measured now, facts included that were booked later; the decision keeps those that it was made on. `history` are
    decisions of the programme to be told too. Seven statements or fewer; three where `stood` and `words` are at hand already.
    """
    books = load(
        programme.rule_books.standing().order_by("-in_force_from").select_related("programme"),
        tiers=stood.tiers if stood else None,
    )
    ladder = next((one for one in books if one.rule_book.in_force_from <= as_of), None)
    if ladder is None or not ladder.tiers:
        return None
    ladders = {one.rule_book.pk: one for one in books}
    stood = stood or next(one for one in standings.at(member_id=member.pk, day=as_of) if one.programme == programme)
    words = words or Words()
    values, satisfied = evaluate(ladder=ladder, member_id=member.pk, as_of=as_of, present=stood.tier)
    place = ladder.tiers.index(stood.tier)
    next_tier = ladder.tiers[place + 1] if place + 1 < len(ladder.tiers) else None
    keeping = [_group(group, values, words, keeps=True) for group in ladder.groups_of(stood.tier)]
    rising = [_group(group, values, words, keeps=False) for group in ladder.groups_of(next_tier)] if next_tier else []
    return Explanation(
        programme=programme,
        rule_book=ladder.rule_book,
        as_of=as_of,
        tier=stood.tier,
        next_tier=next_tier,
        satisfied=satisfied,
        valid_until=stood.valid_until,
        decision=stood.decision,
        keeping=keeping,
        rising=rising,
        reason=_told(stood.decision, ladders[stood.decision.rule_book_id], words)
        if stood.decision
        else _("%(tier)s, as everybody who satisfies no higher tier.") % {"tier": stood.tier},
        outlook=_outlook(stood, next_tier, satisfied, keeping, rising),
        counting=counting(ladder),
        history=[_told(decision, ladders[decision.rule_book_id], words) for decision in history],
    )


def _group(group: list[Condition], values: dict[str, Value], words: Words, *, keeps: bool) -> Group:
    measured = [_measured(one, values, words, one.keep_minimum if keeps else one.enter_minimum) for one in group]
    missing = [words.missing(condition, one.gap) for condition, one in zip(group, measured, strict=True) if one.gap]
    return Group(measured=measured, missing=both(missing))


def _measured(condition: Condition, values: dict[str, Value], words: Words, minimum: int) -> Measured:
    measure = Measure.of(condition)
    value = values[measure.key]
    gap = value.missing_to(minimum)
    return Measured(
        measure=measure,
        value=value,
        minimum=minimum,
        met=not gap,
        gap=gap,
        label=words.label(measure),
        value_shown=words.shown(measure, value.rounded),
        minimum_shown=words.shown(measure, minimum),
        gap_shown=words.missing(condition, gap) if gap else "",
    )


def _outlook(
    stood: standings.Stood, next_tier: Tier | None, satisfied: Tier, keeping: list[Group], rising: list[Group]
) -> list[str]:
    """Return what comes: until when the tier is valid, what keeping it lacks, what the next one asks."""
    sentences = []
    if stood.valid_until:
        sentences.append(_("Valid until %(date)s.") % {"date": date_format(stood.valid_until)})
    if satisfied.rank < stood.tier.rank and keeping:
        nearest = min(keeping, key=lambda group: group.distance)
        sentences.append(_("Missing to keep %(tier)s: %(missing)s.") % {"tier": stood.tier, "missing": nearest.missing})
    if next_tier is None:
        sentences.append(_("There is no higher tier."))
    elif satisfied.rank > stood.tier.rank:
        sentences.append(_("All that %(tier)s asks is met; the next review gives it.") % {"tier": satisfied})
    elif rising:
        nearest = min(rising, key=lambda group: group.distance)
        sentences.append(_("Missing for %(tier)s: %(missing)s.") % {"tier": next_tier, "missing": nearest.missing})
    return sentences


def _told(decision: Decision, ladder: Ladder, words: Words) -> str:
    patterns = {
        Decision.Outcome.UPGRADED: _("%(to)s since %(date)s, up from %(from)s, because of %(reasons)s."),
        Decision.Outcome.RENEWED: _("%(to)s renewed on %(date)s, because of %(reasons)s."),
        Decision.Outcome.DOWNGRADED: _("%(to)s since %(date)s, down from %(from)s, because of %(reasons)s."),
        Decision.Outcome.GRACE: _("%(to)s in grace since %(date)s, until %(grace)s, because of %(reasons)s."),
        Decision.Outcome.INVITED: _("%(to)s by invitation since %(date)s, until %(until)s."),
        Decision.Outcome.OVERRIDDEN: _("%(to)s set by hand on %(date)s, until %(until)s."),
    }
    return patterns[Decision.Outcome(decision.outcome)] % {
        "to": decision.to_tier,
        "from": decision.from_tier,
        "date": date_format(decision.as_of),
        "grace": date_format(decision.grace_until) if decision.grace_until else "",
        "until": date_format(decision.valid_until) if decision.valid_until else "",
        "reasons": _reasons(decision, ladder, words),
    }


def _reasons(decision: Decision, ladder: Ladder, words: Words) -> str:
    """Return the figures that decided: those that satisfied the new tier; of a downgrade, or grace, those that the old one lacked."""
    values = values_of(decision.figures)
    falls = decision.outcome in (Decision.Outcome.DOWNGRADED, Decision.Outcome.GRACE)
    tier, keeps = (
        (decision.from_tier, True) if falls else (decision.to_tier, decision.outcome == Decision.Outcome.RENEWED)
    )

    def lacking(group: list[Condition]) -> list[Condition]:
        return [one for one in group if not values[Measure.of(one).key].reaches(minimum(one))]

    def minimum(condition: Condition) -> int:
        return condition.keep_minimum if keeps else condition.enter_minimum

    decisive = min(ladder.groups_of(tier), key=lambda group: len(lacking(group)), default=[])
    shown = lacking(decisive) if falls else decisive
    return both(words.held_against(one, values[Measure.of(one).key], minimum(one)) for one in shown)
