"""Foreseeing: on which dates the reviews will next decide on a member's tier, and what they decide, as things stand."""

import dataclasses
import datetime
from collections.abc import Callable

from tiers import calendars, standings
from tiers.compiling import Ladder
from tiers.models import Decision, Protection, RuleBook, Tier

DAY = datetime.timedelta(days=1)
Outcome = Decision.Outcome
# What a protection that gives a higher tier is told as.
SECURING = {
    Protection.Kind.INVITATION: Outcome.INVITED,
    Protection.Kind.OVERRIDE: Outcome.OVERRIDDEN,
    Protection.Kind.FREEZE: Outcome.FROZEN,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dates:
    """When a member's tier is decided on, after a date, by the rule book in force on it.

    `review_on` is his next review, `rises_on` the next night that can give a higher tier, `renews_on` the review that renews the
    tier of who qualifies (None: nothing has to be renewed), `lowers_on` the first that can lower it (None: none ever does), or
    begin its grace.
    """

    review_on: datetime.date
    rises_on: datetime.date
    renews_on: datetime.date | None
    lowers_on: datetime.date | None
    begins_grace: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Foreseen:
    """The next decision on a tier, should the figures stay as they are."""

    on: datetime.date
    outcome: Decision.Outcome
    tier: Tier


def dates_of(
    *,
    ladder: Ladder,
    stood: standings.Stood,
    protection: Protection | None,
    as_of: datetime.date,
    joined_on: datetime.date,
) -> Dates:
    """Return the dates on which the standing `stood` as of a date is decided on; the twin of judge.sql, held against it by a test."""
    book, place = ladder.rule_book, ladder.tiers.index(stood.tier)

    def following(day: datetime.date) -> datetime.date:
        return calendars.next_review(book, day, joined_on=joined_on)

    review_on = following(as_of)
    rises_on = as_of + DAY if book.upgrades_nightly else review_on
    if place == 0 or book.downgrade == RuleBook.Downgrade.NEVER:
        return Dates(review_on=review_on, rises_on=rises_on, renews_on=None, lowers_on=None, begins_grace=False)
    validity, due = ladder.validities[place], _due(stood, protection)
    renews_on = review_on
    if validity is not None and not stood.grace_until and due and due > as_of:
        renews_on = _last_until(due, review_on, following, nightly=book.calendar == RuleBook.Calendar.NIGHTLY)
    lowers_on = max(review_on, following(stood.grace_until)) if stood.grace_until else renews_on
    # Nobody falls below what is secured; the first review that may lower him is the first not before its end.
    secured = [book.protected_until] if book.protected_until else []
    if protection and protection.tier.rank >= stood.tier.rank:
        secured.append(protection.ends_on)
    if (end := max(secured, default=as_of)) > lowers_on:
        lowers_on = following(end - DAY)
    return Dates(
        review_on=review_on,
        rises_on=rises_on,
        renews_on=renews_on if validity is not None or stood.grace_until else None,
        lowers_on=lowers_on,
        begins_grace=not stood.grace_until and ladder.graces[place] > 0,
    )


def _due(stood: standings.Stood, protection: Protection | None) -> datetime.date | None:
    """Return the end of the tier's validity: what an invitation or override gave ends with it, early or not."""
    is_its_own = protection and protection.kind != Protection.Kind.FREEZE and protection.tier == stood.tier
    if protection and is_its_own and protection.until == stood.valid_until:
        return protection.ends_on
    return stood.valid_until


def _last_until(
    due: datetime.date,
    review_on: datetime.date,
    following: Callable[[datetime.date], datetime.date],
    *,
    nightly: bool,
) -> datetime.date:
    """Return the last review dated on or before `due`, or the next one where that is later."""
    if nightly:
        return max(review_on, due)
    while (later := following(review_on)) <= due:
        review_on = later
    return review_on


def foresee(
    *,
    ladder: Ladder,
    stood: standings.Stood,
    protection: Protection | None,
    dates: Dates,
    satisfied: Tier,
    as_of: datetime.date,
) -> Foreseen | None:
    """Return the next decision on a tier whose holder's figures satisfy, and go on satisfying, `satisfied`; None where none comes."""
    tier = stood.tier
    rises = satisfied.rank > tier.rank
    if protection and protection.starts_on > as_of and protection.tier.rank > tier.rank:
        enough = satisfied.rank >= protection.tier.rank
        # Of both in one night the invitation is heeded where it gives more.
        if (
            not rises
            or protection.starts_on < dates.rises_on
            or (protection.starts_on == dates.rises_on and not enough)
        ):
            return Foreseen(
                on=protection.starts_on, outcome=SECURING[Protection.Kind(protection.kind)], tier=protection.tier
            )
    if rises:
        return Foreseen(on=dates.rises_on, outcome=Outcome.UPGRADED, tier=satisfied)
    if satisfied == tier:
        on = dates.review_on if stood.grace_until else dates.renews_on
        return Foreseen(on=on, outcome=Outcome.RENEWED, tier=tier) if on else None
    if dates.lowers_on is None:
        return None
    if dates.begins_grace:
        return Foreseen(on=dates.lowers_on, outcome=Outcome.GRACE, tier=tier)
    lowest = satisfied.rank
    if ladder.rule_book.one_step:
        lowest = max(lowest, tier.rank - 1)
    if protection and protection.ends_on > dates.lowers_on:
        lowest = max(lowest, protection.tier.rank)
    return Foreseen(on=dates.lowers_on, outcome=Outcome.DOWNGRADED, tier=ladder.tiers[lowest])
