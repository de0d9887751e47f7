"""A purse as a plain list of lots: what the ledger has to answer, worked out without it (domain.md §3)."""

import bisect
import dataclasses
import datetime
from collections.abc import Sequence
from uuid import UUID

from points.ledger import NEVER, Answer, Posting
from points.models import Kind

KEPT_FOR = datetime.timedelta(days=30)  # what comes back of a lot that has lapsed is usable so long


@dataclasses.dataclass(slots=True, order=True)
class ModelLot:
    """A credit's points; in order of their last day, then of their making. `number` is None where no answer told it.

    One that `came_back` keeps its day should it come back again.
    """

    expires_on: datetime.date
    made: int
    available_on: datetime.date = dataclasses.field(compare=False)
    left: int = dataclasses.field(compare=False)
    number: int | None = dataclasses.field(compare=False)
    held: int = dataclasses.field(default=0, compare=False)
    came_back: bool = dataclasses.field(default=False, compare=False)


@dataclasses.dataclass(slots=True)
class Asked:
    """One posting of a batch; `first` is the answer that its key has had already, `same` whether its content is that of then."""

    posting: Posting
    first: Answer | None = None
    same: bool = True


@dataclasses.dataclass(slots=True)
class ModelHold:
    """What a hold has set aside in which lots, in the order it took them."""

    points: int
    lapses_at: datetime.datetime
    parts: list[tuple[ModelLot, int]]


@dataclasses.dataclass(slots=True)
class Expected:
    """An answer; while a night runs, an entry may also stand `later` numbers on and leave `less` points: expiries it has booked."""

    outcome: str
    number: int | None = None
    balance_after: int | None = None
    later: int = 0
    less: int = 0
    lot: ModelLot | None = None

    def agrees(self, answer: Answer) -> bool:
        """Say whether the ledger's answer is the expected one."""
        given = (answer.outcome, answer.number, answer.balance_after)
        if given == (self.outcome, self.number, self.balance_after):
            return True
        return bool(self.later) and given == (self.outcome, self.number - self.later, self.balance_after + self.less)


class ModelPurse:
    """A purse of reward points in the hands of one process."""

    def __init__(self) -> None:
        self.lots: list[ModelLot] = []  # those with something left or held, in order
        self.holds: dict[UUID, ModelHold] = {}
        self.available = self.pending = self.held = self.owed = 0
        self.credited = self.debited = self.expired = self.entries = self.made = 0
        self.opened = False
        # Since the date turned: the expiries that the ledger may not have booked yet and their points; whether what was released
        # has paid a debt; whether anything was due at all.
        self.lapsing_lots = self.lapsing_points = 0
        self.paid_by_release = self.unsettled = False

    @property
    def balance(self) -> int:
        """Return the sum of the entries."""
        return self.available + self.pending + self.held - self.owed

    def figures(self) -> tuple[int, ...]:
        """Return what the purse's row has to say, in the order of running.PURSES."""
        return (
            self.available, self.pending, self.held, self.owed, self.credited, self.debited, self.expired, self.entries,
        )  # fmt: skip

    def turn(self, closed: datetime.date, today: datetime.date) -> None:
        """Turn the date: release what is available `today`, which first pays what is owed, then lapse what ended on `closed`."""
        for lot in self.lots:
            if lot.available_on == today and lot.left:
                self.unsettled = True
                self.pending -= lot.left
                self.available += lot.left
                paid = min(lot.left, self.owed)
                if paid:
                    self._take(lot, paid)
                    self.owed -= paid
                    self.paid_by_release = True
        for lot in self.lots:
            if lot.expires_on > closed:
                break
            if lot.left:
                self.unsettled = True
                self.lapsing_lots += 1
                self.lapsing_points += lot.left
                self.expired += lot.left
                self.entries += 1
                self._take(lot, lot.left, pending=lot.available_on > today)
        self._forget_empty()

    def settle(self) -> None:
        """Note that the ledger has booked whatever was due when the date turned."""
        self.lapsing_lots = self.lapsing_points = 0
        self.paid_by_release = self.unsettled = False

    def post(self, batch: Sequence[Asked], today: datetime.date) -> list[Expected]:
        """Post a batch of this purse, booked `today`, and return its answers: credits first, then clawbacks of lots of their own."""
        self.opened = True
        self.paid_by_release = False
        if any(asked.posting.points < 0 for asked in batch):
            self.settle()
        answers: list[Expected | None] = [self._known(asked) for asked in batch]
        seen: dict[UUID, int] = {}
        repeats, credits, debits = [], [], []
        for place, asked in enumerate(batch):
            if answers[place] is None and seen.setdefault(asked.posting.key, place) != place:
                repeats.append(place)
            elif answers[place] is None:
                (credits if asked.posting.points > 0 else debits).append(place)
        own = self._own(batch, debits)
        for place in credits:
            answers[place] = self._credit(batch[place].posting, today)
        self._debit(batch, debits, own, answers, today)
        for place in repeats:
            first = answers[seen[batch[place].posting.key]]
            answers[place] = dataclasses.replace(
                first, outcome="duplicate" if first.outcome == "posted" else first.outcome
            )
        self._forget_empty()
        return answers

    def _known(self, asked: Asked) -> Expected | None:
        if asked.first is None:
            return None
        return (
            Expected("duplicate", asked.first.number, asked.first.balance_after) if asked.same else Expected("conflict")
        )

    def _answer(self, points: int) -> Expected:
        self.entries += 1
        return Expected("posted", self.entries, points, self.lapsing_lots, self.lapsing_points)

    def _credit(self, posting: Posting, today: datetime.date) -> Expected:
        points = posting.points
        expires_on = posting.expires_on or NEVER
        self.credited += points
        if expires_on < today:
            answer = self._answer(self.balance + points)
            self.expired += points
            self.entries += 1
            return answer
        came_back = posting.kind == Kind.RESTORE
        lot = ModelLot(expires_on, self.made, posting.available_on or today, points, None, came_back=came_back)
        self.made += 1
        bisect.insort(self.lots, lot)
        if lot.available_on > today:
            self.pending += points
        else:
            paid = min(points, self.owed)
            lot.left -= paid
            self.owed -= paid
            self.available += points - paid
        answer = self._answer(self.balance)
        answer.lot = lot  # whose number the ledger tells
        return answer

    def _own(self, batch: Sequence[Asked], debits: list[int]) -> dict[int, tuple[ModelLot, int]]:
        """Return, by place, the lot that a clawback takes first and how much of it is there for it."""
        by_number = {lot.number: lot for lot in self.lots if lot.number is not None}
        given: dict[int, int] = {}
        own = {}
        for place in debits:
            posting = batch[place].posting
            lot = by_number.get(posting.takes_first) if posting.takes_first else None
            if lot is not None and lot.expires_on == (posting.expires_on or NEVER):
                part = min(-posting.points, lot.left - given.get(lot.number, 0))
                given[lot.number] = given.get(lot.number, 0) + part
                own[place] = (lot, part)
        return own

    def _debit(
        self,
        batch: Sequence[Asked],
        debits: list[int],
        own: dict[int, tuple[ModelLot, int]],
        answers: list[Expected | None],
        today: datetime.date,
    ) -> None:
        reserved = sum(part for lot, part in own.values() if lot.available_on <= today)
        free, takes = self.available - reserved, []
        for place in sorted(debits, key=lambda place: (not own.get(place, (None, 0))[1], place)):
            posting = batch[place].posting
            lot, part = own.get(place, (None, 0))
            needed = -posting.points - part
            if needed > free and posting.kind != Kind.CLAWBACK:
                answers[place] = Expected("insufficient")
                continue
            taken = min(needed, free)
            free -= taken
            self.debited -= posting.points
            self.owed += needed - taken
            if part:
                self._take(lot, part, pending=lot.available_on > today)
            takes.append(taken)
            # Not yet taken of the lots, so that a later clawback's own lot stays whole: subtracted here.
            answers[place] = self._answer(self.balance - sum(takes))
        for taken in takes:
            self._take_first(taken, today)

    def _take(self, lot: ModelLot, points: int, *, pending: bool = False) -> None:
        lot.left -= points
        if pending:
            self.pending -= points
        else:
            self.available -= points

    def _take_first(self, points: int, today: datetime.date) -> list[tuple[ModelLot, int]]:
        parts = []
        for lot in self.lots:
            if not points:
                break
            if lot.left and lot.available_on <= today:
                part = min(lot.left, points)
                self._take(lot, part)
                parts.append((lot, part))
                points -= part
        return parts

    def _forget_empty(self) -> None:
        self.lots = [lot for lot in self.lots if lot.left or lot.held]

    def hold(self, key: UUID, points: int, lapses_at: datetime.datetime, today: datetime.date) -> Expected:
        """Hold points under a new key and return the answer."""
        if not self.opened:
            return Expected("unknown_purse")
        self.settle()
        if points > self.available:
            return Expected("insufficient", None, self.available)
        parts = self._take_first(points, today)
        for lot, part in parts:
            lot.held += part
        self.held += points
        self.holds[key] = ModelHold(points, lapses_at, parts)
        return Expected("held", None, self.available)

    def capture(self, key: UUID) -> Expected:
        """Capture a hold and return the answer."""
        hold = self.holds.pop(key)
        for lot, part in hold.parts:
            lot.held -= part
        self.held -= hold.points
        self.debited += hold.points
        answer = self._answer(self.balance)
        self._forget_empty()
        return answer

    def give_back(self, keys: Sequence[UUID], today: datetime.date) -> list[ModelLot]:
        """End holds together; return the lots in which comes back what can't return to its own, for `adopt`."""
        owes = self.owed > 0
        returned, redemptions = [], 0
        for hold in [self.holds.pop(key) for key in keys]:
            stays = []
            for lot, part in hold.parts:
                lot.held -= part
                self.held -= part
                if lot.expires_on >= today and not owes:
                    lot.left += part
                    self.available += part
                else:
                    kept = lot.expires_on if lot.came_back else _kept(lot.expires_on, today)
                    stays.append(ModelLot(kept, 0, today, part, None, came_back=True))
            redemptions += bool(stays)
            returned += stays
        self.entries += redemptions + len(returned)
        self.debited += sum(lot.left for lot in returned)
        self.credited += sum(lot.left for lot in returned)
        self._forget_empty()
        return returned

    def adopt(self, returned: Sequence[ModelLot]) -> None:
        """Take in the lots that came back, in the ledger's order: each pays what is owed first, or has lapsed already."""
        for lot in returned:
            if lot.expires_on < lot.available_on:
                self.expired += lot.left
                self.entries += 1
                continue
            paid = min(lot.left, self.owed)
            self.owed -= paid
            lot.left -= paid
            lot.made = self.made
            self.made += 1
            self.available += lot.left
            if lot.left:
                bisect.insort(self.lots, lot)


def _kept(expires_on: datetime.date, today: datetime.date) -> datetime.date:
    return expires_on if expires_on >= today else max(expires_on, today + KEPT_FOR)
