"""Turning the business date: open → closing → closed, behind the fence that every booking passes (domain.md §1)."""

import datetime

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from foundation.jobs.models import BusinessDate
from foundation.refusals import Refusal
from foundation.transactions import in_transaction

FENCE = 7201  # as in the SQL function bank_booking_date()
PATIENCE_MS = 500
LOCK_NOT_AVAILABLE = "55P03"


class NoBusinessDate(Refusal):
    code = "no_business_date"
    sentence = _("The bank has no business date yet: configure it first.")


class DateNotNext(Refusal):
    code = "date_not_next"
    sentence = _("%(asked)s cannot be closed: the next business date to close is %(next)s.")


def next_to_close() -> datetime.date:
    """Return the date that is closing, else the open one; refuses (no_business_date) a bank without any."""
    unclosed = BusinessDate.objects.exclude(status=BusinessDate.Status.CLOSED).order_by("date").first()
    if unclosed is None:
        raise NoBusinessDate
    return unclosed.date


def last_closed() -> datetime.date | None:
    """Return the newest closed business date, if there is one."""
    closed = BusinessDate.objects.filter(status=BusinessDate.Status.CLOSED).order_by("-date").first()
    return closed.date if closed else None


@in_transaction
def hold() -> None:
    """Take the fence exclusively until the transaction ends: who booked has committed, who wants to book waits.

    It asks for half a second at a time and lets the waiting bookings pass in between, so that one long intake batch
    does not hold up the counters behind it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [FENCE])
        held = cursor.fetchone()[0]
        while not held:
            try:
                with transaction.atomic():
                    cursor.execute(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FENCE])
                    cursor.execute("SET LOCAL lock_timeout = DEFAULT")
                held = True
            except OperationalError as error:
                if getattr(error.__cause__, "pgcode", None) != LOCK_NOT_AVAILABLE:
                    raise


@in_transaction
def begin_closing(*, business_date: datetime.date, at: datetime.datetime) -> bool:
    """Flip an open date to closing and open the next day; return False where it was closing already.

    Call `hold` first in the same transaction. Refuses (date_not_next) any other date than the next to close.
    """
    expected = next_to_close()
    if business_date != expected:
        raise DateNotNext(asked=business_date, next=expected)
    opened = BusinessDate.objects.filter(date=business_date, status=BusinessDate.Status.OPEN)
    if not opened.update(status=BusinessDate.Status.CLOSING, closing_at=at):
        return False
    BusinessDate.objects.create(date=business_date + datetime.timedelta(days=1))
    return True


@in_transaction
def finish_closing(*, business_date: datetime.date, at: datetime.datetime) -> bool:
    """Flip a closing date to closed; return False where it was closed already."""
    closing = BusinessDate.objects.filter(date=business_date, status=BusinessDate.Status.CLOSING)
    return closing.update(status=BusinessDate.Status.CLOSED, closed_at=at) == 1
