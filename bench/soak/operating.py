"""One process at work: random operations through the ledger's own verbs, each answer held against a model."""

import datetime
import random
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from bench.soak.modelling import Asked, Expected, ModelLot, ModelPurse
from bench.soak.shared import CAPTURED_AT, LAPSING, Effects, Name, Shared, posting_of
from foundation.actors import Actor
from foundation.transactions import commit
from points import holding, ledger
from points.holding import Aside
from points.ledger import NEVER, Answer, Posting
from points.models import Entry, Kind, Lot, Purse

SOAK = Actor.job("soak")
NOON = datetime.time(4, tzinfo=datetime.UTC)
REMEMBERED = 20_000  # so many answers a process keeps to ask again
RETRIES = 0.08
OF_SHARED = 0.15
SIZES = (1, 1, 1, 1, 1, 2, 3, 5, 8, 20, 60, 200)  # postings a batch
STAGED = 0.001  # batches so large that they go by COPY
PURSE = ("available", "pending", "held", "owed", "credited", "debited", "expired", "entries")

Remembered = tuple[Posting, Answer]


class Process:
    """A process's members with their models, and what it was told of the shared purses."""

    def __init__(self, *, number: int, seed: int, members: Sequence[int], currency_id: int, shared: Shared) -> None:
        self.dice = random.Random(f"{seed}/{number}")
        self.members, self.currency_id, self.shared = members, currency_id, shared
        self.purses = {member: ModelPurse() for member in members}
        self.remembered: list[Remembered] = []
        self.holds: dict[UUID, int] = {}  # its own that are held, by member
        self.ended: list[
            tuple[int, UUID, str, Answer | None]
        ] = []  # its own that are not: member, key, how, the answer
        self.effects = Effects()
        self.names: list[Name] = []  # shared postings that it knows to be posted
        self.done = 0
        self.found: list[str] = []
        self.day, self.today = 0, shared.first_day

    def turn(self, today: datetime.date) -> None:
        """Go on to the next business date; the models lapse and release what the night will."""
        closed, self.today = self.today, today
        self.day += 1
        for purse in self.purses.values():
            purse.turn(closed, today)

    def operate(self) -> None:
        """Do one transaction of random operations."""
        what = self.dice.random()
        if what < 0.84:
            self._post()
        elif what < 0.90:
            self._hold()
        elif what < 0.97:
            self._end_holds(captured=what < 0.94)
        else:
            self._shared_holds()

    def _post(self) -> None:
        size = 1_500 if self.dice.random() < STAGED else self.dice.choice(SIZES)
        batch: list[Posting] = []
        named: dict[int, tuple[Name, bool]] = {}  # the shared ones by their place, and whether their content is changed
        own: dict[int, list[tuple[int, Asked]]] = defaultdict(list)
        for place in range(size):
            if self.dice.random() < OF_SHARED:
                name, posting, changed = self._of_shared()
                named[place] = (name, changed)
            elif self.dice.random() < 0.003:
                posting = self._new(member_id=10**9)
            else:
                asked = self._of_own(batch, own)
                posting = asked.posting
                own[posting.member_id].append((place, asked))
            batch.append(posting)
        answers = commit(ledger.post, batch=batch, actor=SOAK)
        self.done += size
        for member, items in own.items():
            expected = self.purses[member].post([asked for _, asked in items], self.today)
            for (place, asked), wanted in zip(items, expected, strict=True):
                self._compare(asked.posting, wanted, answers[place])
                if answers[place].outcome == "posted":
                    self._remember(asked.posting, answers[place])
        for place, posting in enumerate(batch):
            if place in named:
                self._hear(*named[place], answers[place])
            elif posting.member_id == 10**9 and answers[place] != Answer("unknown_purse", None, None):
                self.found.append(f"{posting} of nobody: {answers[place]}")

    def _new(self, member_id: int) -> Posting:
        return posting_of(
            self.dice, member_id=member_id, currency_id=self.currency_id, day=self.today, latest=self.today
        )

    def _of_own(self, batch: Sequence[Posting], own: dict[int, list[tuple[int, Asked]]]) -> Asked:
        """Return a new posting, one of this batch again, or an earlier one again, as it was or changed."""
        if self.remembered and self.dice.random() < RETRIES:
            posting, answer = self.dice.choice(self.remembered)
            same = self.dice.random() < 0.7
            return Asked(posting if same else _changed(posting, self.dice), answer, same)
        member = self.dice.choice(self.members)
        if own[member] and self.dice.random() < 0.02 and own[member][0][1].first is None:
            return Asked(own[member][0][1].posting)
        posting = self._new(member)
        if posting.kind == Kind.CLAWBACK and self.dice.random() < 0.7:
            posting = self._of_its_lot(posting)
        return Asked(posting)

    def _of_its_lot(self, posting: Posting) -> Posting:
        """Make it a clawback that takes the lot of one of its purse's credits first."""
        lots = [lot for lot in self.purses[posting.member_id].lots if lot.number is not None]
        if not lots:
            return posting
        lot = self.dice.choice(lots)
        expires_on = None if lot.expires_on == NEVER else lot.expires_on
        return _with(posting, takes_first=lot.number, expires_on=expires_on)

    def _of_shared(self) -> tuple[Name, Posting, bool]:
        if self.names and self.dice.random() < RETRIES:
            name = self.dice.choice(self.names)
            posting = self.shared.posting(name)
            changed = self.dice.random() < 0.3
            return name, _changed(posting, self.dice) if changed else posting, changed
        day = self.day if self.dice.random() < 0.9 else self.dice.randint(0, self.day)
        name = (day, self.dice.randrange(self.shared.postings))
        return name, self.shared.posting(name), False

    def _hear(self, name: Name, changed: bool, answer: Answer) -> None:
        """Note what became of a shared posting: posted once by one of us, afterwards a duplicate, a conflict if changed."""
        if changed:
            if answer != Answer("conflict", None, None):
                self.found.append(f"shared posting {name} changed: {answer}")
        elif answer.outcome == "posted":
            if name in self.effects.posted:
                self.found.append(f"shared posting {name} posted twice to one process")
            self.effects.posted[name] = answer.number
        elif answer.outcome == "duplicate":
            if self.effects.posted.get(name, answer.number) != answer.number:
                self.found.append(f"shared posting {name}: another number, {answer}")
        elif answer.outcome != "insufficient":
            self.found.append(f"shared posting {name}: {answer}")
        if answer.outcome in ("posted", "duplicate"):
            _reservoir(self.names, name, self.dice)

    def _remember(self, posting: Posting, answer: Answer) -> None:
        _reservoir(self.remembered, (posting, answer), self.dice)

    def _compare(self, what: object, wanted: Expected, answer: Answer) -> None:
        if not wanted.agrees(answer):
            self.found.append(f"{self.today}: {what}: expected {wanted}, answered {answer}")
        if wanted.lot:
            wanted.lot.number = answer.number

    def _hold(self) -> None:
        members = self.dice.sample(self.members, min(self.dice.choice((1, 1, 2, 5)), len(self.members)))
        if len(self.holds) > holding.AT_ONCE // 10:  # so that all that lapse in one night fit into one batch
            return
        batch = []
        for member in members:
            key = UUID(int=self.dice.getrandbits(128))
            lapses_at = datetime.datetime.combine(self.today, NOON) + datetime.timedelta(days=self.dice.randint(0, 3))
            batch.append(
                Aside(
                    member_id=member,
                    currency_id=self.currency_id,
                    key=key,
                    points=self.dice.randint(1, 250),
                    lapses_at=lapses_at,
                    cause=f"soak/{key}",
                )
            )
        answers = commit(holding.hold, batch=batch, today=self.today, actor=SOAK)
        again = (
            commit(holding.hold, batch=batch, today=self.today, actor=SOAK) if self.dice.random() < RETRIES else None
        )
        self.done += len(batch) * (2 if again else 1)
        for place, aside in enumerate(batch):
            purse = self.purses[aside.member_id]
            wanted = purse.hold(aside.key, aside.points, aside.lapses_at, self.today)
            self._compare(aside, wanted, answers[place])
            if wanted.outcome == "held":
                self.holds[aside.key] = aside.member_id
                wanted = Expected("duplicate", None, purse.available)
            if again:
                self._compare(aside, wanted, again[place])

    def _end_holds(self, *, captured: bool) -> None:
        """Capture or release some of our holds, one a purse; or ask for what has ended already."""
        if self.ended and self.dice.random() < RETRIES:
            return self._end_again(captured)
        by_member = {member: key for key, member in self.holds.items() if not self.purses[member].paid_by_release}
        if not by_member:
            return None
        chosen = self.dice.sample(sorted(by_member), min(self.dice.choice((1, 1, 2, 4)), len(by_member)))
        wanted = [(member, self.currency_id, by_member[member]) for member in chosen]
        self.done += len(wanted)
        for _, _, key in wanted:
            del self.holds[key]
        if captured:
            at = datetime.datetime.combine(self.today, datetime.time(tzinfo=datetime.UTC))
            answers = commit(holding.capture, holds=wanted, occurred_on=self.today, at=at, actor=SOAK)
        else:
            answers = commit(holding.release, holds=wanted, today=self.today, actor=SOAK)
        for (member, _, key), answer in zip(wanted, answers, strict=True):
            purse = self.purses[member]
            if captured:
                expected = purse.capture(key)
                _reservoir(self.ended, (member, key, "captured", answer), self.dice)
            else:
                self._come_back(member, [key], self.today)
                # A release books nothing that is due, so what it tells as available may be of before the turn.
                expected = Expected("released", None, answer.balance_after if purse.unsettled else purse.available)
                _reservoir(self.ended, (member, key, "released", None), self.dice)
            self._compare(key, expected, answer)
        return None

    def _end_again(self, captured: bool) -> None:
        member, key, how, first = self.dice.choice(self.ended)
        wanted = [(member, self.currency_id, key)]
        self.done += 1
        if captured:
            at = datetime.datetime.combine(self.today, datetime.time(tzinfo=datetime.UTC))
            [answer] = commit(holding.capture, holds=wanted, occurred_on=self.today, at=at, actor=SOAK)
            expected = Expected("duplicate", first.number, first.balance_after) if how == "captured" else Expected(how)
        else:
            [answer] = commit(holding.release, holds=wanted, today=self.today, actor=SOAK)
            # What is available is told beside, and a night may be about to change it.
            answer = Answer(answer.outcome, answer.number, None)
            expected = Expected("duplicate" if how == "released" else how)
        self._compare(key, expected, answer)

    def lapse(self, at: datetime.datetime) -> int:
        """Let the models lapse our holds whose time is over, as the ledger just did; return how many."""
        due: dict[int, list[UUID]] = defaultdict(list)
        for key, member in list(self.holds.items()):
            if self.purses[member].holds[key].lapses_at <= at:
                due[member].append(key)
                del self.holds[key]
        for member, keys in due.items():
            keys.sort()  # as holding.lapse asks for them, or the order of what comes back is the ledger's to tell
            self._come_back(member, keys, self.today)
            for key in keys:
                _reservoir(self.ended, (member, key, "lapsed", None), self.dice)
        return sum(map(len, due.values()))

    def _come_back(self, member: int, keys: list[UUID], today: datetime.date) -> None:
        """End holds in the model; where several lots come back, the ledger says in which order."""
        purse = self.purses[member]
        returned = purse.give_back(keys, today)
        if len(returned) > 1:
            causes = tuple(f"soak/{key}/lot/" for key in keys)
            made = Entry.objects.filter(member_id=member, currency_id=self.currency_id, kind=Kind.RESTORE)
            numbers = {
                number: cause
                for number, cause in made.order_by("-number").values_list("number", "cause")[: 4 * len(returned) + 50]
                if cause.startswith(causes)
            }
            lots = Lot.objects.filter(member_id=member, currency_id=self.currency_id, number__in=list(numbers))
            rows = list(lots.order_by("number").values_list("expires_on", "points"))
            if sorted(rows) != sorted((lot.expires_on, lot.left) for lot in returned):
                self.found.append(f"holds {keys} of {member}: expected {returned} back, came {rows}")
            else:
                returned = [ModelLot(day, 0, today, points, None, came_back=True) for day, points in rows]
        purse.adopt(returned)

    def _shared_holds(self) -> None:
        name = (self.day, self.dice.randrange(self.shared.holds))
        aside = self.shared.hold(name)
        wanted = [(aside.member_id, aside.currency_id, aside.key)]
        self.done += 1
        what = self.dice.random()
        if what < 0.5:
            [answer] = commit(holding.hold, batch=[aside], today=self.today, actor=SOAK)
            allowed, effects, effect = {"duplicate", "insufficient"}, self.effects.held, "held"
        elif what < 0.75:
            [answer] = commit(holding.capture, holds=wanted, occurred_on=self.today, at=CAPTURED_AT, actor=SOAK)
            allowed = {"duplicate", "released", "lapsed", "unknown_hold"}
            effects, effect = self.effects.captured, "posted"
        elif what < 0.97:
            [answer] = commit(holding.release, holds=wanted, today=self.today, actor=SOAK)
            allowed = {"duplicate", "captured", "lapsed", "unknown_hold"}
            effects, effect = self.effects.released, "released"
        else:
            self.effects.lapsed += commit(holding.lapse, at=LAPSING, today=self.today, actor=SOAK)
            return
        if answer.outcome == effect and name not in effects:
            effects.add(name)
        elif answer.outcome not in allowed:
            self.found.append(f"shared hold {name}: {answer}")

    def check(self) -> None:
        """Hold every purse of ours against its model, after a night: its figures and what is left in each lot."""
        ours = {"member_id__range": (self.members[0], self.members[-1]), "currency_id": self.currency_id}
        rows = {member: figures for member, *figures in Purse.objects.filter(**ours).values_list("member_id", *PURSE)}
        lots: dict[int, list[tuple]] = defaultdict(list)
        left = Lot.objects.filter(**ours).exclude(remaining=0, held=0).order_by("member_id", "expires_on", "number")
        for member, *lot in left.values_list("member_id", "expires_on", "remaining", "held", "number"):
            lots[member].append(tuple(lot))
        for member, purse in self.purses.items():
            purse.settle()
            if tuple(rows.get(member, [0] * len(PURSE))) != purse.figures():
                self.found.append(f"{self.today}: purse {member}: {rows.get(member)}, expected {purse.figures()}")
            wanted = [(lot.expires_on, lot.left, lot.held) for lot in purse.lots]
            if [lot[:3] for lot in lots[member]] != wanted:
                self.found.append(f"{self.today}: lots of {member}: {lots[member]}, expected {wanted}")


def _reservoir(kept: list, one: object, dice: random.Random) -> None:
    """Keep one more of REMEMBERED, in place of any."""
    if len(kept) < REMEMBERED:
        kept.append(one)
    else:
        kept[dice.randrange(REMEMBERED)] = one


def _changed(posting: Posting, dice: random.Random) -> Posting:
    """Return a posting under the same key with other points or another cause."""
    if dice.random() < 0.5:
        return _with(posting, cause=f"{posting.cause}/other")
    return _with(posting, points=posting.points + (1 if posting.points > 0 else -1))


def _with(posting: Posting, **changes: object) -> Posting:
    fields = {name: getattr(posting, name) for name in ledger.COLUMNS}
    return Posting(**fields | changes)
