"""The classes of data that the bank keeps, what becomes of each when its term is over, and what has passed it."""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from foundation.audit.models import AuditEvent
from foundation.messaging import sending
from foundation.outbox.models import Obligation
from foundation.periods import add_months, first_instant
from members.models import Account, Enrolment, Member
from privacy.barriers import ACCOUNTS
from privacy.keeping import LegalHold, RetentionTerm
from privacy.models import Export

CLOSED_MEMBERS = "closed_members"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataClass:
    """A class of data: what it is, what becomes of it. `due(before, today)` keeps the rows older than a date that nobody holds; without it
    nothing of the class is destroyed by decision: `becomes` says why. `fixed` is a term that no table says."""

    code: str
    label: Any
    becomes: Any
    due: Callable[[datetime.date, datetime.date], QuerySet] | None = None
    fixed: Any = ""


def held_members(today: datetime.date) -> QuerySet:
    """Return the ids of the members whom a legal hold keeps on a day."""
    return LegalHold.objects.on(today).exclude(member=None).values("member")


def _members(before: datetime.date, today: datetime.date) -> QuerySet:
    months = RetentionTerm.objects.values_list("months", flat=True).get(data_class=ACCOUNTS)
    duty = add_months(today, -months) if months else datetime.date.min
    kept = Account.objects.filter(Q(closed_on=None) | Q(closed_on__gt=duty), member=OuterRef("pk"))
    closed = Member.objects.filter(status=Member.Status.CLOSED, closed_on__lt=before)
    return closed.exclude(person__erased_on__isnull=False).exclude(pk__in=held_members(today)).filter(~Exists(kept))


def _sent(before: datetime.date, today: datetime.date) -> QuerySet:
    done = Obligation.objects.filter(done_at__lt=first_instant(before))
    return done.exclude(member_id__in=held_members(today))


def _enrolments(before: datetime.date, today: datetime.date) -> QuerySet:
    over = Enrolment.objects.filter(state=Enrolment.State.LAPSED, ended_at__lt=first_instant(before))
    return over.filter(Q(known_member=None) | ~Q(known_member__in=held_members(today)))


def _exports(before: datetime.date, today: datetime.date) -> QuerySet:
    ended = Export.objects.filter(state__in=[Export.State.TAKEN, Export.State.OVER], wrapped_key=None)
    return ended.filter(asked_at__lt=first_instant(before)).exclude(member__in=held_members(today))


def _trail(before: datetime.date, today: datetime.date) -> QuerySet:
    held = held_members(today).values(as_text=Cast("member", models.CharField()))
    return AuditEvent.objects.filter(at__lt=first_instant(before)).exclude(subject_kind="member", subject_id__in=held)


CLASSES = {
    one.code: one
    for one in (
        DataClass(
            code=ACCOUNTS,
            label=_("who holds or held an account"),
            becomes=_("kept: until then nobody is erased"),
        ),
        DataClass(
            code=CLOSED_MEMBERS,
            label=_("personal data of closed members"),
            becomes=_("destroyed by key, as by an erasure"),
            due=_members,
        ),
        DataClass(code="enrolments", label=_("enrolments that lapsed"), becomes=_("deleted"), due=_enrolments),
        DataClass(
            code="messages",
            label=_("messages sent"),
            becomes=_("deleted"),
            due=lambda before, today: _sent(before, today).filter(topic=sending.TOPIC),
        ),
        DataClass(
            code="outbox",
            label=_("other things done by the outbox"),
            becomes=_("deleted"),
            due=lambda before, today: _sent(before, today).exclude(topic=sending.TOPIC),
        ),
        DataClass(code="exports", label=_("records of copies of data"), becomes=_("deleted"), due=_exports),
        DataClass(code="audit", label=_("audit trail, with who saw whom in clear"), becomes=_("deleted"), due=_trail),
        DataClass(
            code="export_files",
            label=_("copies of data themselves"),
            becomes=_("their keys are destroyed by themselves"),
            fixed=_("24 hours"),
        ),
        DataClass(code="typed", label=_("what was typed to join"), becomes=_("destroyed by itself"), fixed=_("7 days")),
        DataClass(code="codes", label=_("one-time codes"), becomes=_("deleted by themselves"), fixed=_("30 days")),
        DataClass(
            code="answers", label=_("kept answers to requests"), becomes=_("deleted by themselves"), fixed=_("72 hours")
        ),
        DataClass(code="ledger", label=_("ledger, seals and decisions"), becomes=_("never deleted: they name nobody")),
    )
}


def term_in_words(known: DataClass, term: RetentionTerm | None) -> str:
    """Return how long a class is kept: its fixed term, its months or years, or for ever."""
    if known.fixed:
        return str(known.fixed)
    if term is None or not term.months:
        return str(_("for ever"))
    if term.months % 12:
        return ngettext("%(count)s month", "%(count)s months", term.months) % {"count": term.months}
    years = term.months // 12
    return ngettext("%(count)s year", "%(count)s years", years) % {"count": years}


def before_of(months: int | None, *, today: datetime.date) -> datetime.date:
    """Return the date that data must be older than to have passed its term today; a class without one never has."""
    return add_months(today, -months) if months else datetime.date.min
