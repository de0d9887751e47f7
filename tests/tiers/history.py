"""A small bank's history to look back on: nights of random facts, late ones and corrections among them, reviewed as they are closed."""

import datetime
import random

from foundation.actors import Actor
from tests.factories import (
    AccountFactory,
    ConditionFactory,
    MemberFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
)
from tests.tiers import test_rolling as nights
from tiers import reviewing
from tiers.models import Protection, RuleBook

FIRST = datetime.date(2026, 3, 1)
DAY = datetime.timedelta(days=1)
NIGHT = Actor.job("close_day")


class History:
    """`length` nights from FIRST on: `members` of them, two programmes, a second rule book of the main one from `changes` on.

    Without `reopens` an account's closing is never corrected: what a corrected one had been, only late jumps know.
    """

    def __init__(
        self, *, seed: int, members: int = 6, length: int = 45, changes: int = 20, reopens: bool = True
    ) -> None:
        self.chance, self.length, self.reopens = random.Random(seed), length, reopens
        self.assets, self.growth = SeriesFactory(), SeriesFactory(growth=True)
        self.cards = SeriesFactory(metric="transaction_count", selection=["card"])
        self.products = SeriesFactory(metric="products_held")
        self.loyalty = ProgrammeFactory()
        self.premier = ProgrammeFactory(code="premier", is_main=False)
        self.books = [
            self.book(self.loyalty, 1, 0, downgrade="grace", grace_length=4, validity_months=None, step=2),
            self.book(self.loyalty, 2, changes, validity_months=1, one_step=True, step=1),
            self.book(self.premier, 1, 0, calendar="month_end", upgrades_nightly=True, step=2),
        ]
        self.members = [MemberFactory(joined_on=FIRST - DAY * self.chance.randint(0, 900)) for _ in range(members - 1)]
        self.members.append(MemberFactory(joined_on=FIRST + 3 * DAY))
        self.accounts = [AccountFactory(member=one, opened_on=FIRST - 900 * DAY) for one in self.members]
        self.revisions: dict[tuple, int] = {}
        self.facts = 0

    def book(self, programme, number, night, *, step: int, **fields) -> RuleBook:
        """Make a rule book in force from a night on: silver by assets or cards, gold by assets and points, or by products."""
        book = RuleBookFactory(
            programme=programme,
            number=number,
            in_force_from=FIRST + night * DAY if number > 1 else FIRST - DAY,
            **fields,
        )
        silver, gold = programme.tiers.get(rank=1), programme.tiers.get(rank=2)
        windows = {"window": "days", "window_length": 9}
        of = {"rule_book": book, "tier": silver}
        ConditionFactory(**of, **windows, group=1, series=self.assets, enter_minimum=30 * step, keep_minimum=25 * step)
        ConditionFactory(**of, **windows, group=2, series=self.cards, enter_minimum=1 + step, keep_minimum=step)
        of = {"rule_book": book, "tier": gold}
        ConditionFactory(**of, **windows, group=1, series=self.assets, enter_minimum=45 * step, keep_minimum=40 * step)
        ConditionFactory(**of, group=1, series=self.growth, window="months", window_length=1, enter_minimum=10)
        ConditionFactory(**of, group=2, series=self.products, enter_minimum=1 + step)
        return book

    def close(self, night: int) -> None:
        """Book a night's random facts, some of earlier days (before a window's first, too) or corrections; roll it up and review it."""
        chance, date = self.chance, FIRST + night * DAY
        for place in range(len(self.members)):
            for _ in range(chance.randint(0, 2)):
                day = date - DAY * (chance.choice([0, 0, 0, 1, 4, 13]) if night > 13 else 0)
                self._report(chance.choice(["snapshot", "snapshot", "card", "points", "holding"]), place, day, date)
            if chance.random() < 0.01:
                account = self.accounts[place]
                closed_on = date - chance.randint(0, 3) * DAY
                if self.reopens or not account.closed_on:
                    account.closed_on = None if account.closed_on else closed_on
                    account.save()
        nights.roll_up(date)
        reviewing.review(as_of=date, first_member=1, last_member=2**63 - 1, run=None, actor=NIGHT)

    def close_all(self) -> None:
        for night in range(self.length):
            if night in (5, 25):
                self.protect(night)
            self.close(night)

    def protect(self, night: int) -> None:
        """Invite a member of each programme for nine nights, one of them ended early."""
        for programme in (self.loyalty, self.premier):
            starts_on = FIRST + night * DAY
            Protection.objects.create(
                member=self.chance.choice(self.members),
                programme=programme,
                kind=self.chance.choice(["invitation", "override", "freeze"]),
                tier=programme.tiers.get(rank=self.chance.choice([1, 2])),
                starts_on=starts_on,
                until=starts_on + 9 * DAY,
                ended_on=self.chance.choice([None, starts_on + 4 * DAY]),
                reason="guest",
            )

    def _report(self, what: str, place: int, day: datetime.date, booked_on: datetime.date) -> None:
        member, chance = self.members[place], self.chance
        self.facts += 1
        match what:
            case "snapshot":
                revision = self._revision(what, place, day)
                amount = chance.randint(0, 120)
                nights.snapshot(self.accounts[place], day, amount, booked_on=booked_on, revision=revision)
            case "card":
                nights.activity(member, f"{self.facts}", "card", day, booked_on=booked_on)
            case "points":
                # Clawbacks count on the day of what they take back, and are late by nature.
                nights.points(member, self.growth, chance.choice([5, 9, -2]), day)
            case "holding":
                external_id = f"{member.pk}-{chance.randint(0, 2)}"
                nights.holding(
                    member, external_id, "fund", day, chance.choice([None, day + chance.randint(0, 12) * DAY]),
                    booked_on=booked_on, revision=self._revision(what, external_id, None),
                )  # fmt: skip

    def _revision(self, *key) -> int:
        self.revisions[key] = self.revisions.get(key, 0) + 1
        return self.revisions[key]
