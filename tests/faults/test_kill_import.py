"""A worker killed in the middle of an import: its chunk had not happened, and the next worker takes it up (C01, C17)."""

import uuid

import pytest
from django.db import connection
from kombu import Connection

from foundation import transactions
from importing import sending, staging
from importing.models import Import
from membership_site import tasks
from points.models import Entry
from tests.faults.test_kill_worker import nobody_gets_past, send, wait_until
from tests.importing.cast import OPENING, again, approve, ask, assemble, checked, counts
from tests.points.cast import books_ok
from tests.workers import environment, working

LOTS = 40
BAD = 3


@pytest.fixture
def variables(committed) -> dict[str, str]:
    """The environment of a worker on this test's database, with an empty broker database."""
    variables = environment(committed)
    with Connection(variables["REDIS_URL"]) as broker:
        broker.default_channel.client.flushdb()
    return variables


@pytest.fixture
def import_(committed, monkeypatch) -> Import:
    """An approved file of forty lots, three of them bad, in eight chunks."""
    monkeypatch.setattr(staging, "CHUNK_ROWS", 5)
    monkeypatch.setattr(sending, "send", lambda import_id: None)
    cast = transactions.commit(assemble)
    rows = [f"A-WANG,points,{n + 1},2025-03-10,2027-03-31,{n}\n" for n in range(LOTS)]
    for place in (3, 17, 39):
        rows[place] = f"NOBODY,points,{place + 1},2025-03-10,2027-03-31,{place}\n"
    content = OPENING + "".join(rows)
    total = sum(range(1, LOTS + 1))
    import_ = transactions.commit(checked, cast=cast, content=content, kind="opening", control_total=total)
    transactions.commit(approve, made=transactions.commit(ask, import_=import_), user=cast.fang)
    return import_


def chunks_done(import_: Import) -> int:
    return import_.chunks.exclude(done_at=None).count()


def somebody_waits() -> bool:
    """Tell whether somebody waits for a table that another holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return cursor.fetchone()[0] > 0


def test_a_killed_import_goes_on_at_its_chunk_and_credits_each_lot_once(import_, variables, committed, tmp_path):
    """Twice: killed with a chunk's lots posted and not committed, then the ring's message goes to another worker."""
    for kill in range(2):
        with nobody_gets_past("importing_rememberedmapping", committed) as line:
            line.rollback()
            line.cursor().execute("LOCK TABLE importing_importchunk IN SHARE MODE")
            with working(variables, tmp_path / f"killed-{kill}.log") as worker:
                with Connection(variables["REDIS_URL"]) as broker:
                    tasks.go_on_importing.apply_async(kwargs={"import_id": f"{import_.pk}"}, connection=broker)
                wait_until(somebody_waits, "a chunk is in its middle")
                worker.kill()
        assert again(import_).status == "running"
        assert Entry.objects.count() == 0

    with working(variables, tmp_path / "last.log"):
        send(tasks.ring, variables)
        wait_until(lambda: again(import_).status == "done", "the import is done")

    assert counts(again(import_)) == {"new": LOTS - BAD, "error": BAD}
    assert Entry.objects.count() == LOTS - BAD
    assert chunks_done(import_) == 8
    assert len({uuid.UUID(str(key)) for key in Entry.objects.values_list("event_key", flat=True)}) == LOTS - BAD
    assert books_ok()
