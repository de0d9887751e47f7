"""Going on with an import: read, tried out, taken in, taken back, each piece of work a transaction that says how far it is.

A worker claims an import by its row's lock, which ends with its connection: a killed one has lost nothing and leaves nothing to clear
away. Messages only ring; what is to be done stands in the import's status and its chunks.
"""

import datetime
from collections import Counter
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from foundation import transactions
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.jobs import clock
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from importing import keeping, loading, sending, staging, undoing
from importing.models import Import, ImportQuerySet
from importing.uploading import KEPT, NotToBeMapped, refuse_unless_own

log = structlog.get_logger(__name__)


@in_transaction
def do_next(*, import_id: UUID, at: datetime.datetime) -> bool:
    """Do the next piece of an import's work, and return whether there is more; False, too, while somebody else is at it."""
    import_ = _locked(Import.objects.at_work().filter(pk=import_id)).first()
    if import_ is None:
        return False
    match import_.status:
        case Import.Status.CHECKING:
            return _check_next(import_, at)
        case Import.Status.RUNNING:
            return _take_next(import_, at)
    try:
        with transaction.atomic():
            undoing.undo(import_=import_, at=at, actor=loading.JOB)
    except Refusal as refusal:
        _refuse(import_, refusal, status=Import.Status.DONE)
    return False


def _locked(imports: ImportQuerySet) -> ImportQuerySet:
    return imports.select_related("branch").select_for_update(of=("self",), skip_locked=True)


def _check_next(import_: Import, at: datetime.datetime) -> bool:
    if import_.pieces.exists():
        try:
            with transaction.atomic():
                import_.rows = staging.stage(import_=import_)
        except Refusal as refusal:
            _refuse(import_, refusal, status=Import.Status.FAILED)
            return False
        import_.save(update_fields=["rows"])
        return True
    chunk = import_.chunks.filter(checked_at=None).order_by("number").first()
    if chunk:
        loading.try_out(import_=import_, chunk=chunk, key=keeping.key_of(import_), at=at)
        return True
    import_.status, import_.checked_at, import_.trial = Import.Status.CHECKED, at, _figures(import_)
    import_.save(update_fields=["status", "checked_at", "trial"])
    return False


def _take_next(import_: Import, at: datetime.datetime) -> bool:
    if import_.started_at is None:
        import_.started_at = at
        import_.save(update_fields=["started_at"])
    chunk = import_.chunks.filter(done_at=None).order_by("number").first()
    if chunk:
        loading.take_in(import_=import_, chunk=chunk, key=keeping.key_of(import_), at=at)
        return True
    import_.status, import_.finished_at, import_.result = Import.Status.DONE, at, _figures(import_)
    import_.keep_until = at + KEPT
    import_.save(update_fields=["status", "finished_at", "result", "keep_until"])
    if not any(import_.chunks.exclude(refused=None).values_list("pk")[:1]):
        Import.objects.filter(pk=import_.pk).update(wrapped_key=None)
    record(
        verb="importing.finish",
        actor=loading.JOB,
        subject_kind="import",
        subject_id=import_.pk,
        at=at,
        new=import_.result,
    )
    return False


def _figures(import_: Import) -> dict[str, Any]:
    """Return what the chunks counted and summed up, added."""
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for chunk in import_.chunks.values_list("counts", flat=True):
        counts.update(chunk["counts"])
        sums.update(chunk["sums"])
    return {"counts": {name: counts[name] for name in loading.OUTCOMES}, "sums": dict(sorted(sums.items()))}


def _refuse(import_: Import, refusal: Refusal, *, status: Import.Status) -> None:
    import_.failed_while = import_.status if status == Import.Status.FAILED else ""
    import_.status = status
    import_.refusal = {
        "code": refusal.code,
        "parameters": {name: str(value) for name, value in refusal.parameters.items()},
    }
    import_.save(update_fields=["status", "failed_while", "refusal"])


@in_transaction
def fail(*, import_id: UUID, error: Exception) -> None:
    """Write onto an import that it failed; of the error only its name, since its words may hold a row's."""
    import_ = Import.objects.at_work().filter(pk=import_id).select_for_update().first()
    if import_:
        import_.failed_while, import_.status, import_.error = import_.status, Import.Status.FAILED, type(error).__name__
        import_.save(update_fields=["failed_while", "status", "error"])


@in_transaction
def resume(*, import_id: UUID, actor: Actor, at: datetime.datetime) -> None:
    """Let workers go on with an import that failed, where it stands.

    Refuses not_your_import, and not_to_be_mapped where it didn't fail by itself.
    """
    import_ = Import.objects.select_for_update().get(pk=import_id)
    refuse_unless_own(import_, actor=actor)
    if import_.status != Import.Status.FAILED or import_.refusal:
        raise NotToBeMapped
    import_.status, import_.failed_while, import_.error = import_.failed_while, "", ""
    import_.save(update_fields=["status", "failed_while", "error"])
    record(verb="importing.resume", actor=actor, subject_kind="import", subject_id=import_.pk, at=at)
    transaction.on_commit(lambda: sending.send(import_.pk), robust=True)


def go_on(*, import_id: UUID, most: int | None = None) -> bool:
    """Do pieces of an import's work, each in its own transaction, until nothing is left or `most` are done; return whether more may be."""
    done = 0
    try:
        while most is None or done < most:
            if not transactions.commit(do_next, import_id=import_id, at=clock.now()):
                return False
            done += 1
    except Exception as error:
        if not connection.is_usable():
            raise
        log.error("import failed", import_id=f"{import_id}", error=type(error).__name__)
        transactions.commit(fail, import_id=import_id, error=error)
        return False
    return True
