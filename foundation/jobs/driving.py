"""Driving a job: one driver at a time, with as many hands as it is lent."""

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from django.db import InterfaceError, OperationalError, connection, connections
from django.utils.translation import gettext_lazy as _

from foundation.jobs import running
from foundation.jobs.models import Chunk, JobRun
from foundation.jobs.running import Job
from foundation.refusals import Refusal

DRIVER = 7202  # the class of the advisory locks that one driver per job holds

HOLDER = """
SELECT concat_ws(', ', nullif(a.application_name, ''), 'pid ' || l.pid)
FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = hashtext(%s)::oid AND l.objsubid = 2 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class AlreadyRunning(Refusal):
    code = "already_running"
    sentence = _("%(job)s is running already: %(holder)s.")


def holder(*, job: Job) -> str:
    """Return who drives the job at present, as he named himself, and his database process; empty where nobody does."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDER, [DRIVER, job.name])
        row = cursor.fetchone()
    return row[0] if row else ""


@contextlib.contextmanager
def driving(*, job: Job, who: str) -> Iterator[None]:
    """Hold the job's driver lock under the name `who` (at most 63 bytes); refuses already_running, naming the holder.

    The lock is of the session: it ends with the process. Were it lost half-way, two drivers would only share the work.
    """
    with connection.cursor() as cursor:
        # The name first: whoever is refused a moment later reads it.
        cursor.execute("SELECT set_config('application_name', %s, false)", [who])
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [DRIVER, job.name])
        if not cursor.fetchone()[0]:
            cursor.execute("SELECT set_config('application_name', '', false)")
            raise AlreadyRunning(job=job.name, holder=holder(job=job) or _("it has just ended"))
    try:
        yield
    finally:
        with contextlib.suppress(InterfaceError, OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [DRIVER, job.name])
            cursor.execute("SELECT set_config('application_name', '', false)")


def drive(*, job: Job, run: JobRun, hands: int = 1, tell: Callable[[Chunk], None] | None = None) -> None:
    """Do the run's chunks with `hands` connections at once; threads do, since the work is the database's."""
    if hands == 1:
        running.work(job=job, run=run, tell=tell)
        return
    stop = threading.Event()
    with ThreadPoolExecutor(hands - 1) as pool:
        lent = [pool.submit(contextvars.copy_context().run, _lend_a_hand, job, run, stop) for _hand in range(hands - 1)]
        try:
            running.work(job=job, run=run, tell=tell)
        except BaseException:
            stop.set()
            raise
    for hand in lent:
        hand.result()


def _lend_a_hand(job: Job, run: JobRun, stop: threading.Event) -> None:
    try:
        running.work(job=job, run=run, stop=stop)
    finally:
        connections.close_all()
