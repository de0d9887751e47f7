"""Opening balances: the points that a member brings along, credited as dated lots, each once whichever file names it."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence

from django.db import connection

from foundation.actors import Actor
from foundation.querying import statement
from foundation.transactions import in_transaction
from importing.models import Import, OpeningLot
from importing.reports import OpeningReport
from members.models import Member
from points import ledger
from points.models import Kind, PointCurrency

# Lots are known by this name and what they are: source, currency, days, reference.
IDENTITIES = uuid.UUID("5a0c2f0e-6a3e-5b0b-9d5e-2f6a6f1d7c11")


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """What a report comes to: its outcome (new, unchanged, or why not), and the lot it would be."""

    outcome: str
    lot: OpeningLot | None = None


def judge(
    reports: Sequence[OpeningReport], *, import_: Import, lines: Sequence[int], today: datetime.date
) -> list[Judged]:
    """Judge each report as of `today`; writes nothing. The number of statements is the same for one report and for thousands."""
    numbers = {report.member_number for report in reports}
    members = {
        number: (pk, status)
        for pk, number, status in Member.objects.filter(number__in=numbers).values_list("pk", "number", "status")
    }
    currencies = {currency.code: currency for currency in PointCurrency.objects.all()}
    lasting = _lasting(reports, currencies)
    drawn = [
        _draw(report, line, members=members, currencies=currencies, lasting=lasting, today=today, import_=import_)
        for report, line in zip(reports, lines, strict=True)
    ]
    standing = _standing([one.lot for one in drawn if one.lot])
    judged: list[Judged] = []
    taken: set[tuple[int, int, uuid.UUID]] = set()
    for one in drawn:
        judged.append(_against(one, standing, taken))
    return judged


def _against(
    one: Judged, standing: dict[tuple[int, int, uuid.UUID], int], taken: set[tuple[int, int, uuid.UUID]]
) -> Judged:
    """Return what a drawn lot is beside those that stand, and those of this batch before it."""
    if one.lot is None:
        return one
    name = _name(one.lot)
    if name in taken:
        return Judged("repeated_row")
    if name in standing:
        return Judged("unchanged" if standing[name] == one.lot.points else "lot_differs")
    taken.add(name)
    return one


def _draw(
    report: OpeningReport,
    line: int,
    *,
    members: dict[str, tuple[int, str]],
    currencies: dict[str, PointCurrency],
    lasting: dict[tuple[str, datetime.date], datetime.date],
    today: datetime.date,
    import_: Import,
) -> Judged:
    """Return the lot that a report asks for, or why it can't be one."""
    member_id, status = members.get(report.member_number, (0, ""))
    currency = currencies.get(report.currency)
    if not member_id:
        return Judged("unknown_member")
    if status == Member.Status.CLOSED:
        return Judged("closed_member")
    if currency is None:
        return Judged("unknown_point_currency")
    if report.earned_on > today:
        return Judged("invalid_earned_on")
    expires_on = report.expires_on
    if currency.kind == PointCurrency.Kind.GROWTH:
        if expires_on is not None:
            return Judged("date_not_for_these")
    elif expires_on is None:
        if currency.expiry_policy == PointCurrency.Expiry.BY_TIER:
            return Judged("expiry_missing")
        expires_on = lasting[report.currency, report.earned_on]
    if expires_on is not None and expires_on < today:
        return Judged("date_has_passed")
    expires_on = None if expires_on == ledger.NEVER else expires_on
    named = "\x1f".join((import_.source, str(report.earned_on), str(expires_on or ""), report.reference))
    identity = uuid.uuid5(IDENTITIES, named)
    lot = OpeningLot(
        member_id=member_id, currency_id=currency.pk, key=uuid.uuid5(import_.pk, identity.hex), identity=identity,
        points=report.points, earned_on=report.earned_on, expires_on=expires_on, import_id=import_.pk, line=line,
    )  # fmt: skip
    return Judged("new", lot)


def _lasting(
    reports: Sequence[OpeningReport], currencies: dict[str, PointCurrency]
) -> dict[tuple[str, datetime.date], datetime.date]:
    """Return the last usable day by currency and day of earning, for reports that name none; one statement at most."""
    days = {
        (report.currency, report.earned_on)
        for report in reports
        if report.expires_on is None and report.currency in currencies
    }
    if not days:
        return {}
    codes, earned = zip(*sorted(days), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(statement("importing", "lasting"), {"codes": list(codes), "earned": list(earned)})
        return {(code, day): last for code, day, last in cursor.fetchall()}


def _name(lot: OpeningLot) -> tuple[int, int, uuid.UUID]:
    return lot.member_id, lot.currency_id, lot.identity


def _standing(lots: Sequence[OpeningLot]) -> dict[tuple[int, int, uuid.UUID], int]:
    """Return the points of those of the lots that stand already, by what names them."""
    found = OpeningLot.objects.filter(
        member_id__in={lot.member_id for lot in lots}, identity__in={lot.identity for lot in lots}, undone_at=None
    )
    return {_name(lot): lot.points for lot in found.only("member_id", "currency_id", "identity", "points")}


@in_transaction
def credit(
    reports: Sequence[OpeningReport], *, import_: Import, lines: Sequence[int], today: datetime.date, actor: Actor
) -> list[str]:
    """Credit each lot that doesn't stand yet, through the ledger; return an outcome a report as `judge` gives it.

    The lots' names are written first, so that of two imports at once one credits a lot and the other finds it there.
    """
    judged = judge(reports, import_=import_, lines=lines, today=today)
    outcomes = [one.outcome for one in judged]
    lots = {_name(one.lot): (place, one.lot) for place, one in enumerate(judged) if one.lot}
    lost = set(lots) - _write([lot for _place, lot in lots.values()])
    theirs = _standing([lots[name][1] for name in lost]) if lost else {}
    for name in lost:  # Another import wrote it this very moment.
        place, lot = lots.pop(name)
        outcomes[place] = "unchanged" if theirs.get(name) == lot.points else "lot_differs"
    ordered = sorted(lots.values(), key=lambda placed: placed[0])
    answers = ledger.post([_posting(lot, import_) for _place, lot in ordered], actor=actor)
    numbers, refused = [], []
    for (place, lot), answer in zip(ordered, answers, strict=True):
        if answer.outcome == "posted":
            numbers.append((lot, answer.number))
        else:  # The membership was closed meanwhile.
            refused.append(lot)
            outcomes[place] = "closed_member" if answer.outcome == "unknown_purse" else answer.outcome
    _number(numbers)
    for lot in refused:
        lot.delete()
    return outcomes


def _posting(lot: OpeningLot, import_: Import) -> ledger.Posting:
    return ledger.Posting(
        member_id=lot.member_id,
        currency_id=lot.currency_id,
        key=lot.key,
        kind=Kind.ADJUST,
        points=lot.points,
        occurred_on=lot.earned_on,
        expires_on=lot.expires_on,
        cause=f"import/{import_.pk}",
        figures={"line": lot.line, "source": import_.source},
    )


def _write(lots: Sequence[OpeningLot]) -> set[tuple[int, int, uuid.UUID]]:
    """Insert the lots and return the names of those that were not there; one statement."""
    if not lots:
        return set()
    columns = ("member_id", "currency_id", "key", "identity", "points", "earned_on", "expires_on", "line")
    values = {column: ledger.literal([getattr(lot, column) for lot in lots]) for column in columns}
    with connection.cursor() as cursor:
        cursor.execute(statement("importing", "write_lots"), values | {"import": lots[0].import_id})
        return {(member, currency, identity) for member, currency, identity in cursor.fetchall()}


def _number(numbers: Sequence[tuple[OpeningLot, int | None]]) -> None:
    """Write the entries' numbers onto the lots; one statement."""
    if numbers:
        values = {
            "members": ledger.literal([lot.member_id for lot, _number in numbers]),
            "currencies": ledger.literal([lot.currency_id for lot, _number in numbers]),
            "keys": ledger.literal([lot.key for lot, _number in numbers]),
            "numbers": ledger.literal([number for _lot, number in numbers]),
        }
        with connection.cursor() as cursor:
            cursor.execute(statement("importing", "number_lots"), values)
