"""Whatever is earned, spent, merged and undone in whatever order, the bank's points stay the same, and its books are proved after each."""

import datetime
import random

import pytest
from django.db import transaction

from foundation.refusals import Refusal
from members.models import Member, Merge
from points.models import Kind, Purse
from tests.factories import MemberFactory
from tests.merging.cast import lots_of, merge, totals, two, undo
from tests.points.cast import MONDAY, asked, books_ok, post

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
RECORDS, STEPS = 5, 40


class Play:
    """Five records, and what is done to them by lot; `sum` is what the bank's points must be."""

    def __init__(self, seed: int) -> None:
        self.lot = random.Random(seed)
        self.wang = two()
        self.records = [
            self.wang.kept,
            self.wang.gone,
            *MemberFactory.create_batch(RECORDS - 2, branch=self.wang.kept.branch),
        ]
        self.done = {"merged": 0, "undone": 0, "refused": 0}

    def step(self) -> None:
        """Do one thing; a merge or its undoing leaves the bank's points as they were, lot by lot where nothing is owed."""
        who = self.lot.choice(self.records)
        act = self.lot.choice(
            [self.earn, self.earn, self.spend, self.claw, self.grow, self.merge, self.merge, self.undo]
        )
        act(who)

    def earn(self, who: Member) -> None:
        """Credit a lot that lapses some day, pending or not."""
        waits = self.lot.choice([0, 0, 3])
        earned = MONDAY - self.lot.randrange(200) * DAY
        post(
            asked(
                who, self.wang.points, self.lot.randint(1, 60), occurred_on=earned, available_on=MONDAY + waits * DAY,
                expires_on=MONDAY + self.lot.randint(5, 400) * DAY,
            )
        )  # fmt: skip

    def spend(self, who: Member) -> None:
        """Redeem, where there is enough."""
        post(asked(who, self.wang.points, -self.lot.randint(1, 40)))

    def claw(self, who: Member) -> None:
        """Claw back, so that somebody owes."""
        post(asked(who, self.wang.points, -self.lot.randint(1, 70), kind=Kind.CLAWBACK))

    def grow(self, who: Member) -> None:
        """Credit growth points on some day."""
        post(asked(who, self.wang.growth, self.lot.randint(1, 60), occurred_on=MONDAY - self.lot.randrange(200) * DAY))

    def merge(self, who: Member) -> None:
        """Merge the record with another."""
        kept = self.lot.choice(self.records)
        self._unchanged("merged", lambda: merge(kept, who))

    def undo(self, who: Member) -> None:
        """Undo a merge, if one stands."""
        if standing := list(Merge.objects.standing().order_by("pk")):
            gone = self.lot.choice(standing).gone
            self._unchanged("undone", lambda: undo(gone))

    def _unchanged(self, what: str, act) -> None:
        before, lots = totals(), lots_of(*self.records)
        owed = Purse.objects.filter(owed__gt=0).exists()
        try:
            with transaction.atomic():
                act()
        except Refusal:
            what = "refused"
        self.done[what] += 1
        assert totals() == before
        assert owed or lots_of(*self.records) == lots


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_random_merges_and_undos_amid_operations(seed):
    play = Play(seed)

    for _ in range(STEPS):
        play.step()
        assert books_ok()

    assert play.done["merged"]
    assert play.done["undone"]
