"""Sending for a worker: a message only rings, the import stands in its table."""

from uuid import UUID

import structlog
from celery import current_app

from foundation.transactions import in_transaction
from importing.models import Import

TASK = "import"

log = structlog.get_logger(__name__)


@in_transaction
def idle() -> list[UUID]:
    """Return the imports that have work to do and that nobody works on."""
    free = Import.objects.at_work().order_by("uploaded_at", "pk").select_for_update(skip_locked=True)
    return list(free.values_list("pk", flat=True))


def send(import_id: UUID) -> None:
    """Ask a worker to go on; nobody needs to hear it, since the minute's ring asks again."""
    try:
        current_app.send_task(TASK, kwargs={"import_id": f"{import_id}"}, retry=False)
    except Exception as error:  # Whatever the broker says, the import stands in its table.
        log.warning("no worker", task=TASK, import_id=f"{import_id}", reason=type(error).__name__)
