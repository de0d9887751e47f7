"""A real server killed or cut off from its database around a commit: what was done is done once, and the caller may ask again."""

import http.client
import threading
import time

import pytest
from django.db import connection

from foundation.idempotency.models import KeptAnswer
from foundation.jobs.fencing import FENCE
from points.models import Entry, Kind, Purse, Redemption
from tests.lines import CUT_AFTER, CUT_BEFORE, Site, Told
from tests.points.cast import books_ok

KEY = "order-4711"


def redeem(site: Site, points: int = 80, **headers: str) -> Told:
    body = {"member": site.member, "points": points}
    return site.ask(
        "POST", "/api/v1/redemptions", body, Authorization=f"Bearer {site.bearer}", Idempotency_Key=KEY, **headers
    )


def done() -> tuple[int, int, int]:
    """Return how many redemptions, redeem entries and kept answers there are."""
    return Redemption.objects.count(), Entry.objects.filter(kind=Kind.REDEEM).count(), KeptAnswer.objects.count()


def test_killed_after_the_commit_and_before_the_answer(site):
    """B07: the caller sees a broken connection; asking again he gets the first answer."""
    site.line.at_commit, site.line.then = CUT_AFTER, site.kill
    with pytest.raises((OSError, http.client.HTTPException)):
        redeem(site)
    left = done()

    site.start()
    again, other = redeem(site), redeem(site, 79)

    assert left == done() == (1, 1, 1)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json()["id"] == f"rdm_{Redemption.objects.get().pk.hex}"
    assert other.status == 422
    assert Purse.objects.get().available == 20
    assert books_ok()


def test_killed_before_the_commit(site):
    """B08: nothing was done, and the key is free."""
    site.line.at_commit, site.line.then = CUT_BEFORE, site.kill
    with pytest.raises((OSError, http.client.HTTPException)):
        redeem(site)
    left = done()

    site.start()
    again = redeem(site)

    assert left == (0, 0, 0)
    assert (again.status, "Idempotency-Replayed" in again.headers) == (201, False)
    assert done() == (1, 1, 1)
    assert books_ok()


def test_the_line_breaks_before_the_commit(site):
    """B08, C10: 503 with Retry-After, the key is free, and the next request works on a fresh connection."""
    site.line.at_commit = CUT_BEFORE

    lost, again = redeem(site), redeem(site)

    assert (lost.status, lost.headers["Retry-After"], lost.json()["code"]) == (503, "5", "unavailable")
    assert lost.headers["Content-Type"] == "application/problem+json"
    assert (again.status, "Idempotency-Replayed" in again.headers) == (201, False)
    assert done() == (1, 1, 1)


def test_the_line_breaks_while_the_commit_is_answered(site):
    """B06: the server itself can't know; the caller asks again and learns that it was done."""
    site.line.at_commit = CUT_AFTER

    lost, again = redeem(site), redeem(site)

    assert lost.status == 503
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert done() == (1, 1, 1)
    assert Purse.objects.get().available == 20


def test_while_the_database_is_away_every_door_says_so_and_then_goes_on(site):
    """C10: a problem for programs, a page for people, the process itself alive; afterwards everything as before."""
    assert redeem(site, 10).status == 201
    site.line.cut()

    api, page, alive, ready = (
        redeem(site, 10),
        site.ask("GET", "/points", Cookie=f"sessionid={32 * 's'}"),
        site.ask("GET", "/healthz"),
        site.ask("GET", "/readyz"),
    )
    site.line.mend()
    after = redeem(site, 10)

    assert (api.status, api.headers["Retry-After"], api.json()["code"]) == (503, "5", "unavailable")
    assert (page.status, page.headers["Retry-After"]) == (503, "5")
    assert "Back in a moment" in page.content.decode()
    assert (alive.status, ready.status) == (200, 503)
    assert (after.status, after.headers["Idempotency-Replayed"]) == (201, "true")


def test_the_database_goes_away_in_the_middle_of_a_request(site):
    """C10: while it waits for the fence; no transaction is left behind, and nothing half-done."""
    told: list[Told] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [FENCE])
        asking = threading.Thread(target=lambda: told.append(redeem(site)))
        asking.start()
        wait_until_somebody_waits()
        site.line.cut()
        asking.join(timeout=30)
        cursor.execute("SELECT pg_advisory_unlock(%s)", [FENCE])
    site.line.mend()

    again = redeem_when_it_may(site)

    assert [one.status for one in told] == [503]
    assert (again.status, "Idempotency-Replayed" in again.headers) == (201, False)
    assert done() == (1, 1, 1)
    assert stale_transactions() == 0
    assert books_ok()


def redeem_when_it_may(site: Site) -> Told:
    """Ask again as Retry-After says, as long as the database has not noticed that the first request's caller is gone."""
    deadline = time.monotonic() + 30
    while (told := redeem(site)).status == 409:
        assert (told.json()["code"], told.headers["Retry-After"]) == ("request_in_flight", "1")
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return told


def wait_until_somebody_waits() -> None:
    """Look until a session of this database waits for a lock."""
    deadline = time.monotonic() + 30
    while not activity("wait_event_type = 'Lock'"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stale_transactions() -> int:
    return activity("state LIKE 'idle in transaction%%' AND pid <> pg_backend_pid()")


def activity(condition: str) -> int:
    """Count the sessions of this database that meet a condition."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {condition}")
        return cursor.fetchone()[0]
