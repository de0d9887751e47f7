"""Reviews in plain Python, one member and one date at a time, written from domain.md §4 and from nothing of ours."""

import dataclasses
import datetime

from foundation.periods import add_months, month_end

DAY = datetime.timedelta(days=1)
ENDS = {"month_end": range(1, 13), "quarter_end": (3, 6, 9, 12), "half_year_end": (6, 12), "year_end": (12,)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Terms:
    """What a rule book says beside its conditions; `validity` and `grace` are lists by rank, None and 0 for none."""

    calendar: str = "nightly"
    upgrades_nightly: bool = False
    downgrade: str = "immediate"
    one_step: bool = False
    validity: list
    grace: list
    grace_unit: str = "days"
    protected_until: datetime.date | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stand:
    rank: int = 0
    valid_until: datetime.date | None = None
    grace_until: datetime.date | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shield:
    """A protection: not lowered below `rank` from `starts_on` to the day before `until`."""

    kind: str
    rank: int
    starts_on: datetime.date
    until: datetime.date


def is_review(terms, day, joined_on):
    if terms.calendar == "nightly":
        return True
    if terms.calendar == "anniversary":
        return day > joined_on and any(add_months(joined_on, 12 * years) == day for years in range(1, 120))
    return (day + DAY).day == 1 and day.month in ENDS[terms.calendar]


def is_last_before(terms, day, end, joined_on):
    """Return whether no review comes after `day` up to `end`."""
    later = day + DAY
    while later <= end:
        if is_review(terms, later, joined_on):
            return False
        later += DAY
    return True


def valid(terms, rank, start):
    months = terms.validity[rank] if terms.downgrade != "never" else None
    return month_end(add_months(start, months)) if months and rank else None


def decide(stand, target, terms, day, joined_on, shields=()):
    """Return (the new standing, the outcome or None) of a member whose figures of `day` reach `target`."""
    shield = next((one for one in shields if one.starts_on <= day < one.until), None)
    floor = shield.rank if shield else 0
    reviewed = is_review(terms, day, joined_on)
    if target > stand.rank and target >= floor and (reviewed or terms.upgrades_nightly):
        return Stand(rank=target, valid_until=valid(terms, target, day)), "upgraded"
    if floor > stand.rank:
        outcome = {"override": "overridden", "freeze": "frozen"}.get(shield.kind, "invited")
        return Stand(rank=floor, valid_until=shield.until), outcome
    if not reviewed or stand.rank == 0:
        return stand, None
    end = stand.valid_until or day
    due = is_last_before(terms, day, end, joined_on)
    validity = terms.validity[stand.rank] if terms.downgrade != "never" else None
    if target >= stand.rank:
        if stand.grace_until or (validity and due):
            base = max(end, day)
            until = valid(terms, stand.rank, base) if validity else None
            return Stand(rank=stand.rank, valid_until=until), "renewed"
        return stand, None
    if terms.downgrade == "never" or floor >= stand.rank or (terms.protected_until and day < terms.protected_until):
        return stand, None
    if stand.grace_until:
        if day <= stand.grace_until:
            return stand, None
    elif validity and not due:
        return stand, None
    elif terms.downgrade == "grace" and terms.grace[stand.rank]:
        length, start = terms.grace[stand.rank], max(end, day)
        until = start + length * DAY if terms.grace_unit == "days" else month_end(add_months(start, length))
        return dataclasses.replace(stand, grace_until=until), "grace"
    rank = max(target, floor, stand.rank - 1 if terms.one_step else 0)
    return Stand(rank=rank, valid_until=valid(terms, rank, day)), "downgraded"
