"""Explaining a tier: why this one, what the next one asks, and a stored decision in words."""

import dataclasses
import datetime
from collections.abc import Sequence
from fractions import Fraction

from members.models import Member
from tiers import standings, wording
from tiers.compiling import Ladder, Measure, Value, evaluate, load
from tiers.describing import Words, both, counting
from tiers.foreseeing import Dates, Foreseen, dates_of, foresee
from tiers.models import Condition, Decision, Programme, Protection, RuleBook, Tier


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """A member's figure beside a minimum; `gap` is what is missing, 0 where it is met. `shown` texts are for people.

    `value` is exact, `minimum` and `gap` are in the measure's unit (points, minor units, transactions, products, months, grades). Of a
    condition that `excludes` the figure must lie under the minimum, and the gap is by how much it lies too high.
    """

    measure: Measure
    value: Value
    minimum: int
    met: bool
    gap: int
    excludes: bool
    label: str
    value_shown: str
    minimum_shown: str
    gap_shown: str

    @property
    def percent(self) -> int:
        """Return how much of the minimum is reached, 0 to 100, 100 only where it is met."""
        if self.met:
            return 100
        if self.excludes:
            return 0
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
    """Why a member has his tier in a programme as of a date, what comes next and when, and what is missing for the next tier.

    `satisfied` is the tier that the figures of the date satisfy. `keeping` holds the present tier's groups at their minima to
    keep, `rising` the next one's at theirs to enter, `higher` those of each tier above; `keeping_then` are `keeping` with what is
    known today as the review that may lower the tier will count it. `foreseen` is the next decision, should nothing else happen.
    """

    programme: Programme
    ladder: Ladder
    as_of: datetime.date
    is_closed: bool
    tier: Tier
    next_tier: Tier | None
    satisfied: Tier
    valid_until: datetime.date | None
    grace_until: datetime.date | None
    protection: Protection | None
    decision: Decision | None
    dates: Dates
    foreseen: Foreseen | None
    new_rules_from: datetime.date | None
    keeping: list[Group]
    keeping_then: list[Group]
    rising: list[Group]
    higher: list[tuple[Tier, list[Group]]]
    reason: str
    counting: list[str]
    history: list[str]

    @property
    def rule_book(self) -> RuleBook:
        return self.ladder.rule_book

    @property
    def kept(self) -> bool:
        """Return whether one of the present tier's groups is met; standard asks for nothing."""
        return any(group.met for group in self.keeping) or not self.keeping

    @property
    def is_kept_then(self) -> bool:
        """Return whether what is known today keeps the tier at the review that may lower it."""
        return any(group.met for group in self.keeping_then) or not self.keeping_then

    @property
    def rises_every_night(self) -> bool:
        return self.rule_book.upgrades_nightly or self.rule_book.calendar == RuleBook.Calendar.NIGHTLY

    @property
    def secured(self) -> str:
        """Return what secures the tier on the date, in a few words; "" where nothing does."""
        running = self.protection and self.protection.starts_on <= self.as_of < self.protection.ends_on
        return wording.protected(self.protection) if self.protection and running else ""

    @property
    def nearest(self) -> Group | None:
        """Return the group that brings the next tier soonest; None at the top."""
        return min(self.rising, key=lambda group: group.distance, default=None)

    def lacking(self, tier: Tier) -> str:
        """Return what a higher tier asks that is missing, by its nearest way; "" where nothing is."""
        return wording.nearest(dict(self.higher).get(tier, []))

    @property
    def outlook(self) -> list[str]:
        """Return what comes, in sentences."""
        return wording.outlook(self)

    @property
    def sentences(self) -> list[str]:
        """Return the reason and the outlook, in reading order."""
        return [self.reason, *self.outlook]


def lacking_next(
    *, member: Member, stood: standings.Stood, as_of: datetime.date, words: Words
) -> tuple[Tier, str] | None:
    """Return the tier above a member's own and what it asks that is missing, by its nearest way; None at the top or without rules.

    Four statements: the short of `explain`, for a page that tells the rest elsewhere.
    """
    books = stood.programme.rule_books.standing().filter(in_force_from__lte=as_of).order_by("-in_force_from")
    ladder = next(iter(load(books.select_related("programme")[:1], tiers=stood.tiers)), None)
    higher = stood.tiers[stood.tiers.index(stood.tier) + 1 :]
    if ladder is None or not higher:
        return None
    [(values, _satisfied)] = evaluate(ladder=ladder, member_id=member.pk, days=[as_of], present=stood.tier)
    return higher[0], wording.nearest(groups(ladder, higher[0], values, words, keeps=False))


def explain(
    *,
    member: Member,
    programme: Programme,
    as_of: datetime.date,
    stood: standings.Stood | None = None,
    words: Words | None = None,
    history: Sequence[Decision] = (),
    protections: Sequence[Protection] | None = None,
) -> Explanation | None:
    """Explain the member's tier in a programme as of a date in the reader's language; None where no rule book was in force.

    Figures are measured now, facts included that were booked later; the decision keeps those that it was made on. `history` are
    decisions of the programme to be told too, `protections` the member's, the last first. Eight statements or fewer; four where
    `stood`, `words` and `protections` are at hand already.
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
    if protections is None:
        protections = protections_of(member, as_of=as_of)
    protection = next((one for one in protections if one.programme_id == programme.pk and one.until > as_of), None)
    dates = dates_of(ladder=ladder, stood=stood, protection=protection, as_of=as_of, joined_on=member.joined_on)
    days = [as_of, dates.lowers_on] if dates.lowers_on else [as_of]
    found = evaluate(ladder=ladder, member_id=member.pk, days=days, present=stood.tier)
    (values, satisfied), (then, satisfied_then) = found[0], found[-1]
    lasting = satisfied if satisfied.rank > stood.tier.rank else min(satisfied_then, stood.tier, key=_rank)
    foreseen = foresee(ladder=ladder, stood=stood, protection=protection, dates=dates, satisfied=lasting, as_of=as_of)
    higher = ladder.tiers[ladder.tiers.index(stood.tier) + 1 :]
    rising = [(tier, groups(ladder, tier, values, words, keeps=False)) for tier in higher]
    starts = [one.rule_book.in_force_from for one in books if one.rule_book.in_force_from > as_of]
    return Explanation(
        programme=programme,
        ladder=ladder,
        as_of=as_of,
        is_closed=member.closed_on is not None and member.closed_on <= as_of,
        tier=stood.tier,
        next_tier=higher[0] if higher else None,
        satisfied=satisfied,
        valid_until=stood.valid_until,
        grace_until=stood.grace_until,
        protection=protection,
        decision=stood.decision,
        dates=dates,
        foreseen=foreseen,
        new_rules_from=min(starts, default=None),
        keeping=groups(ladder, stood.tier, values, words, keeps=True),
        keeping_then=groups(ladder, stood.tier, then, words, keeps=True),
        rising=rising[0][1] if rising else [],
        higher=rising,
        reason=wording.told(stood.decision, ladders[stood.decision.rule_book_id], words)
        if stood.decision
        else wording.everybodys(stood.tier),
        counting=counting(ladder),
        history=[wording.told(decision, ladders[decision.rule_book_id], words) for decision in history],
    )


def _rank(tier: Tier) -> int:
    return tier.rank


def protections_of(member: Member, *, as_of: datetime.date) -> list[Protection]:
    """Return the member's protections whose time, as it was agreed, is not over, the last first; one may have been ended early."""
    agreed = Protection.objects.filter(member=member, until__gt=as_of).select_related("tier")
    return list(agreed.order_by("-starts_on", "-id"))


def groups(ladder: Ladder, tier: Tier, values: dict[str, Value], words: Words, *, keeps: bool) -> list[Group]:
    """Return what a tier asks, to keep it or to enter, beside a member's figures; what rules the tier out stands in each group."""
    return [
        _group([*group, *ladder.exclusions_of(tier)], values, words, keeps=keeps) for group in ladder.groups_of(tier)
    ]


def _group(group: list[Condition], values: dict[str, Value], words: Words, *, keeps: bool) -> Group:
    measured = [_measured(one, values, words, one.keep_minimum if keeps else one.enter_minimum) for one in group]
    return Group(measured=measured, missing=both(one.gap_shown for one in measured if one.gap))


def _measured(condition: Condition, values: dict[str, Value], words: Words, minimum: int) -> Measured:
    measure = Measure.of(condition)
    value = values[measure.key]
    met = value.meets(condition, minimum)
    gap = 0 if met else (value.total or 0) - minimum + 1 if condition.excludes else value.missing_to(minimum)
    return Measured(
        measure=measure,
        value=value,
        minimum=minimum,
        met=met,
        gap=gap,
        excludes=condition.excludes,
        label=words.label(measure),
        value_shown=words.shown(measure, value.rounded),
        minimum_shown=words.limit(condition, minimum),
        gap_shown=words.missing(condition, gap, minimum=minimum) if gap else "",
    )
