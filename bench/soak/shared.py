"""What all processes ask of the same purses: content that follows from seed, day and number, so that anybody asks it again."""

import dataclasses
import datetime
import random
from collections.abc import Iterable
from uuid import UUID

from points.holding import Aside
from points.ledger import Posting
from points.models import Entry, Hold, Kind

KINDS = (
    (Kind.EARN, 1, 38),
    (Kind.BONUS, 1, 6),
    (Kind.RESTORE, 1, 4),
    (Kind.ADJUST, 1, 3),
    (Kind.REDEEM, -1, 27),
    (Kind.CLAWBACK, -1, 12),
    (Kind.ADJUST, -1, 4),
)
LASTS = (-3, 0, 0, 1, 2, 3, 5, 8, 13, 21, 40, 90, 400, None)  # days a credit is usable for
WAITS = (None, None, None, None, 0, 1, 2, 5)  # days until it is
# Holds of shared purses lapse before all others, so that any process may let them lapse, and only them.
LAPSING = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
CAPTURED_AT = LAPSING - datetime.timedelta(days=1)

Name = tuple[int, int]  # the day, counted from 0, and a number


def posting_of(
    dice: random.Random, *, member_id: int, currency_id: int, day: datetime.date, latest: datetime.date
) -> Posting:
    """Return a posting of a `day` (never after `latest`): any kind, any life, some late, some pending, some lapsed already."""
    [(kind, sign, _)] = dice.choices(KINDS, [weight for *_, weight in KINDS])
    key = UUID(int=dice.getrandbits(128))
    occurred_on = min(day - datetime.timedelta(days=dice.choice((0, 0, 0, 0, 1, 3))), latest)
    lasts, waits = dice.choice(LASTS), dice.choice(WAITS)
    return Posting(
        member_id=member_id,
        currency_id=currency_id,
        key=key,
        kind=kind,
        points=sign * dice.randint(1, 300 if sign > 0 else 400),
        occurred_on=occurred_on,
        expires_on=day + datetime.timedelta(days=lasts) if sign > 0 and lasts is not None else None,
        available_on=day + datetime.timedelta(days=waits) if sign > 0 and waits is not None else None,
        cause=f"soak/{key}",
    )


@dataclasses.dataclass(frozen=True)
class Shared:
    """The shared purses: their members, and how many postings and holds there are of each day."""

    seed: int
    first_day: datetime.date
    members: tuple[int, ...]
    currency_id: int
    postings: int
    holds: int

    def posting(self, name: Name) -> Posting:
        """Return posting `name`."""
        dice = random.Random(f"{self.seed}/posting/{name}")
        day = self.first_day + datetime.timedelta(days=name[0])
        return posting_of(dice, member_id=dice.choice(self.members), currency_id=self.currency_id, day=day, latest=day)

    def hold(self, name: Name) -> Aside:
        """Return hold `name`."""
        dice = random.Random(f"{self.seed}/hold/{name}")
        key = UUID(int=dice.getrandbits(128))
        return Aside(
            member_id=dice.choice(self.members),
            currency_id=self.currency_id,
            key=key,
            points=dice.randint(1, 200),
            lapses_at=LAPSING,
            cause=f"soak/{key}",
        )


@dataclasses.dataclass
class Effects:
    """What the answers to one process said had an effect on shared purses, by name."""

    posted: dict[Name, int] = dataclasses.field(default_factory=dict)  # the entry's number
    held: set[Name] = dataclasses.field(default_factory=set)
    captured: set[Name] = dataclasses.field(default_factory=set)
    released: set[Name] = dataclasses.field(default_factory=set)
    lapsed: int = 0


def disagreements(shared: Shared, told: Iterable[Effects]) -> list[str]:
    """Hold what all processes were told against the ledger: each key has had one effect, that of its content (B13)."""
    effects, found = list(told), []
    posted: dict[Name, int] = {}
    for each in effects:
        found += [f"posting {name} was posted twice" for name in each.posted.keys() & posted.keys()]
        posted |= each.posted
    of_shared = {"member_id__in": shared.members, "currency_id": shared.currency_id}
    entries = {
        (member, key): tuple(facts)
        for member, key, *facts in Entry.objects.filter(**of_shared)
        .exclude(kind=Kind.EXPIRE)
        .values_list("member_id", "event_key", "number", "kind", "points", "occurred_on", "cause")
    }
    for name, number in posted.items():
        wanted = shared.posting(name)
        facts = (number, wanted.kind, wanted.points, wanted.occurred_on, wanted.cause)
        if (there := entries.pop((wanted.member_id, wanted.key), None)) != facts:
            found.append(f"posting {name} was answered as {facts}, and there is {there}")
    found += _holds_disagree(shared, effects, entries)
    return found


def _holds_disagree(shared: Shared, effects: list[Effects], left: dict[tuple[int, UUID], tuple]) -> list[str]:
    """Hold the holds against their answers, and the entries `left` over against the holds."""
    found = []
    holds = {
        (member, key): (state, entry)
        for member, key, state, entry in Hold.objects.filter(
            member_id__in=shared.members, currency_id=shared.currency_id
        ).values_list("member_id", "key", "state", "entry_number")
    }
    states = [state for state, _ in holds.values()]
    for state, count in (
        ("captured", sum(len(each.captured) for each in effects)),
        ("released", sum(len(each.released) for each in effects)),
        ("lapsed", sum(each.lapsed for each in effects)),
    ):
        if states.count(state) != count:
            found.append(f"{states.count(state)} shared holds are {state}, {count} were answered so")
    if len(holds) != sum(len(each.held) for each in effects):
        found.append(f"{len(holds)} shared holds, {sum(len(each.held) for each in effects)} were answered so")
    for name in set().union(*(each.captured for each in effects)):
        aside = shared.hold(name)
        number = left.get((aside.member_id, aside.key), (None,))[0]
        if number is None or holds.get((aside.member_id, aside.key)) != ("captured", number):
            found.append(f"hold {name} was answered captured, and is not")
    for (member, key), (_number, kind, _points, _day, cause) in left.items():
        if (member, key) not in holds and not (kind == Kind.RESTORE and "/lot/" in cause):
            found.append(f"entry {key} of {member} was answered to nobody")
    return found
