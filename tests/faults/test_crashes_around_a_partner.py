"""Hold, deliver, capture or release: a crash at each of the six points ends in one of them, never both (B14)."""

import contextlib
import http.client

import pytest

from foundation.jobs import clock
from membership_site import ringing
from points.models import Hold, Purse, Redemption
from tests.lines import CUT_AFTER, CUT_BEFORE, Site, Told
from tests.points.cast import books_ok


class Partner:
    """A shop that sells for points: it sends each request again until it is told, unless it dies itself."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def ask(self, path: str, key: str, body: object = None) -> Told:
        """Ask until there is an answer; a server that has died is started again."""
        for _ in range(3):
            with contextlib.suppress(OSError, http.client.HTTPException):
                told = self.site.ask(
                    "POST", path, body, Authorization=f"Bearer {self.site.bearer}", Idempotency_Key=key
                )
                if told.status != 503:
                    return told
            if self.site.process.poll() is not None:
                self.site.start()
        raise AssertionError("no answer")

    def hold(self) -> Told:
        body = {"member": self.site.member, "points": 80, "hold": True, "holdMinutes": 1}
        return self.ask("/api/v1/redemptions", "hold", body)

    def end(self, held: Told, how: str) -> Told:
        return self.ask(f"/api/v1/redemptions/{held.json()['id']}/{how}", how)


def crash(site: Site, where: str) -> None:
    """Let the server die at its next commit."""
    site.line.at_commit, site.line.then = where, site.kill


def ended() -> tuple[str, str, int, int]:
    """Return the redemption's and its hold's state, and what the purse has available and held."""
    purse = Purse.objects.get()
    return Redemption.objects.get().state, Hold.objects.get().state, purse.available, purse.held


@pytest.mark.parametrize(
    ("at_hold", "at_end", "how", "expected"),
    [
        (CUT_BEFORE, "", "capture", ("done", "captured", 20, 0)),
        (CUT_AFTER, "", "capture", ("done", "captured", 20, 0)),
        ("", CUT_BEFORE, "capture", ("done", "captured", 20, 0)),
        ("", CUT_AFTER, "capture", ("done", "captured", 20, 0)),
        ("", CUT_BEFORE, "release", ("released", "released", 100, 0)),
        ("", CUT_AFTER, "release", ("released", "released", 100, 0)),
    ],
)
def test_our_server_dies_around_a_commit(site, at_hold, at_end, how, expected):
    """Points 1, 2, 5 and 6: before and after the hold's commit, and before and after that of its end."""
    partner = Partner(site)
    if at_hold:
        crash(site, at_hold)
    held = partner.hold()
    if at_end:
        crash(site, at_end)

    done = partner.end(held, how)

    assert (held.status, done.status) == (201, 200)
    assert ended() == expected
    assert books_ok()


@pytest.mark.parametrize("delivered", [False, True])
def test_the_partner_dies_before_or_after_he_delivered(site, delivered):
    """Points 3 and 4: nobody ends the hold, so it lapses by itself with the minute's ring; a capture comes too late and says so."""
    partner = Partner(site)
    held = partner.hold()
    wait_until_it_is_over()
    ringing.ring(close=lambda: None, relay=lambda: None)

    late = partner.end(held, "capture") if delivered else None

    assert ended() == ("lapsed", "lapsed", 100, 0)
    assert late is None or (late.status, late.json()["code"]) == (409, "hold_ended")
    assert books_ok()


def wait_until_it_is_over() -> None:
    """Let the hold's minute pass, by moving its end into the past behind the application's back."""
    past = clock.now()
    Hold.objects.using("owner").update(lapses_at=past)
    Redemption.objects.update(lapses_at=past)
