"""A statement made out: its lines in words, as a table to download and as a paper to keep."""

import dataclasses
import datetime
from typing import Any, Self

from django.http import HttpResponse, HttpResponseBase
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from foundation import tables
from foundation.jobs import fencing
from foundation.money import number
from foundation.printing import Paper
from foundation.web.downloading import download
from members.models import Member
from points import stating
from points.models import Kind, PointCurrency
from portal import telling

FORMS = ("pdf", "csv", "xlsx")
PDF = "application/pdf"


@dataclasses.dataclass(frozen=True, kw_only=True)
class MadeOut:
    """A statement for a member, its entries told in words; `holder` is his name as the reader may see it."""

    statement: stating.Statement
    member: Member
    holder: str

    @classmethod
    def of(cls, member: Member, currency: PointCurrency, month: str, *, holder: str, today: datetime.date) -> Self:
        """Make out the statement of a month written as 2026-11; refuses no_statement. Eight queries or fewer."""
        statement = stating.statement(
            member_id=member.pk,
            currency=currency,
            month=stating.month_of(month),
            today=today,
            closed=fencing.last_closed(),
        )
        telling.tell(statement.entries, today=today, has_pending=False)
        return cls(statement=statement, member=member, holder=holder)

    @property
    def title(self) -> str:
        """Return such as “Points statement, November 2026”."""
        month = date_format(self.statement.first_day, "YEAR_MONTH_FORMAT")
        return _("%(currency)s statement, %(month)s") % {"currency": self.statement.currency, "month": month}

    @property
    def sums(self) -> list[tuple[str, int]]:
        """Return what moved by kind, in words."""
        return [(capfirst(str(kind.label)), points) for kind, points in self.statement.sums.items()]

    @property
    def standing(self) -> str:
        """Return as of when the figures are, and whether they can still change."""
        day = date_format(self.statement.last_day)
        if self.statement.is_final:
            return _("As of the close of %(day)s.") % {"day": day}
        return _("So far, as of %(day)s: the month is not closed yet.") % {"day": day}

    def download(self, form: str, *, at: datetime.datetime) -> HttpResponseBase:
        """Answer the statement as a file of the form pdf, csv or xlsx, made at the instant `at`."""
        name = f"statement-{self.statement.currency.code}-{self.statement.key}"
        if form == "pdf":
            answer = HttpResponse(self.printed(at=at), content_type=PDF)
            answer["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
            answer["Cache-Control"] = "no-store"
            return answer
        headers = [
            _("No."), _("booked on"), _("occurred on"), _("kind"), _("what"), _("why"), _("points"), _("balance"),
        ]  # fmt: skip
        return download(name=name, form=form, title=self.title, headers=headers, rows=self.rows(), at=at)

    def rows(self) -> list[tables.Row]:
        """Return the opening balance, the entries and the closing balance as rows of a table."""
        statement = self.statement
        opened = [None, statement.first_day, None, None, _("opening balance"), None, None, statement.opening]
        closed = [None, statement.last_day, None, None, _("closing balance"), None, None, statement.closing]
        lines = [
            [
                line.entry.number,
                line.entry.booked_on,
                line.entry.occurred_on,
                Kind(line.entry.kind).label,
                line.entry.told.title,
                why(line.entry.told),
                line.entry.points,
                line.balance,
            ]
            for line in statement.lines
        ]
        return [opened, *lines, closed]

    def printed(self, *, at: datetime.datetime) -> bytes:
        """Return the statement as a PDF."""
        statement, day = self.statement, self._day
        paper = Paper(
            title=self.title,
            language=get_language() or "en",
            foot=f"{self.title} · {self.member.number}",
            page_words=_("page %(page)s"),
            at=at,
        )
        paper.heading(self.title)
        paper.say(" · ".join(part for part in (self.holder, self.member.number, str(self.member.branch.name)) if part))
        paper.say(self.standing)
        paper.ln(3)
        moved = [(label, number(points, signed=True)) for label, points in self.sums]
        owed = [(_("Owed"), number(statement.owed))] if statement.owed else []
        paper.pairs(
            [
                (_("Opening balance"), number(statement.opening)),
                *moved,
                (_("Closing balance"), number(statement.closing)),
                *owed,
            ]
        )
        if statement.lines:
            paper.tabulate(
                headers=[_("Booked"), _("What, and why"), _("Points"), _("Balance")],
                widths=[26, 98, 25, 25],
                numbers={2, 3},
                rows=[
                    [
                        day(line.entry.booked_on),
                        "\n".join(filter(None, (line.entry.told.title, self._told(line.entry)))),
                        number(line.entry.points, signed=True),
                        number(line.balance),
                    ]
                    for line in statement.lines
                ],
            )
        else:
            paper.say(_("Nothing was booked in this month."))
            paper.ln(4)
        if statement.expiring:
            paper.heading(_("Expiring next"), size=11)
            paper.tabulate(
                headers=[_("Last usable day"), _("Points")],
                widths=[60, 30],
                numbers={1},
                rows=[[day(last), number(points)] for last, points in statement.expiring.items()],
            )
        return paper.written()

    def _told(self, entry: Any) -> str:
        """Return the reason and, where it differs from the booking, the day of an entry."""
        occurred = "" if entry.occurred_on == entry.booked_on else self._day(entry.occurred_on)
        return " · ".join(part for part in (why(entry.told), occurred) if part)

    @staticmethod
    def _day(day: datetime.date) -> str:
        return date_format(day, "SHORT_DATE_FORMAT")


def why(told: telling.Told) -> str:
    """Return the reason of an entry in one line: its working and note, or the day its points were earned."""
    if told.reason:
        return " ".join(part for part in (told.reason.working, told.reason.note) if part)
    if told.origin:
        return _("earned on %(date)s") % {"date": date_format(told.origin.occurred_on)}
    return ""
