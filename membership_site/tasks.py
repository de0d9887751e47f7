"""What workers do on a message: one call each, safe to repeat; what is owed stands in the tables."""

import datetime
from uuid import UUID

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.jobs.driving import AlreadyRunning
from foundation.jobs.models import Chunk, JobRun
from foundation.outbox import owing, relaying
from importing import going_on, sending
from membership_site import closing, ringing
from tiers import rehearsing

log = structlog.get_logger(__name__)

# A night that kills its worker comes back to the next one. So often at one place, then a person has to look.
MOST_DEATHS = 5


@shared_task(name="ring", expires=60)
def ring() -> None:
    """Look whether a business date is due, or anything that is owed, and see to it that somebody does it."""
    ringing.ring(close=close_due.delay, relay=relay.delay)


@shared_task(name=owing.RELAY)
def relay() -> None:
    """Do what the outbox holds that is due."""
    relaying.relay(at=clock.now(), actor=Actor.job("relay_outbox"))


@shared_task(name="close_due")
def close_due(*, through: str | None = None) -> None:
    """Close every business date up to `through` (ISO; else all that are due), unless somebody does."""
    try:
        closing.close(
            through=through and datetime.date.fromisoformat(through),
            way="a worker",
            most_deaths=MOST_DEATHS,
            send_help=_send_help,
            tell=_log_closed,
        )
    except AlreadyRunning as refusal:
        log.info("nothing to drive", reason=f"{refusal}")


@shared_task(name="help_with", acks_late=False, reject_on_worker_lost=False)
def help_with(*, run_id: int) -> None:
    """Lend a hand to a run; a helper who dies is not replaced, since the driver does what is left."""
    closing.help_with(run_id=run_id)


@shared_task(name=rehearsing.TASK)
def rehearse(*, rehearsal_id: int) -> None:
    """Replay one range of a rehearsal and come back for the next, so that a night need not wait for all of them."""
    if rehearsing.go_on(rehearsal_id=rehearsal_id, most=1):
        rehearsing.send(rehearsal_id)


@shared_task(name=sending.TASK)
def go_on_importing(*, import_id: str) -> None:
    """Do some pieces of an import's work and come back for the next, so that nothing else waits for all of them."""
    if going_on.go_on(import_id=UUID(import_id), most=5):
        sending.send(UUID(import_id))


def _log_closed(run: JobRun, chunk: Chunk | None) -> None:
    if chunk is None:
        log.info("business date closed", job=run.job, run=run.pk, business_date=f"{run.business_date}")


def _send_help(run_id: int) -> None:
    try:
        help_with.apply_async(kwargs={"run_id": run_id}, retry=False)
    except OperationalError as error:
        # Without a broker the night has one pair of hands, and ends all the same.
        log.warning("no help", run=run_id, reason=f"{error}")
