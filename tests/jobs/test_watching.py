"""Watching workers that don't come."""

import datetime
import io

import pytest

from foundation.progress import Progress
from membership_site import watching
from tests import banks
from tests.workers import NO_BROKER, environment, manage

FIRST = datetime.date(2026, 3, 2)


def watch() -> None:
    watching.watch(first=FIRST, through=FIRST, progress=Progress(1, stream=io.StringIO()))


@pytest.fixture
def bank(committed):
    banks.open_bank(first_business_date=FIRST, members=2, days=2)


def test_it_rings_again_and_gives_up_where_nobody_takes_the_message(bank, monkeypatch):
    sent = []
    monkeypatch.setattr(watching, "_send", sent.append)
    monkeypatch.setattr(watching, "RING_AGAIN_AFTER", 0.3)
    monkeypatch.setattr(watching, "GIVE_UP_AFTER", 1.0)

    with pytest.raises(watching.NobodyWorks):
        watch()

    assert len(sent) >= 2
    assert set(sent) == {FIRST}


def test_it_says_so_where_the_broker_is_gone(bank, committed):
    variables = environment(committed, REDIS_URL=NO_BROKER)

    refused = manage(variables, "close_day", "--as-of", f"{FIRST}", "--celery", check=False)

    assert refused.returncode == 2
    assert "The broker can't be reached; without --celery the night needs none." in refused.stderr


def test_a_bar_on_a_terminal_and_a_line_for_every_tenth_elsewhere():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    on_terminal, elsewhere = Progress(20, stream=Terminal()), Progress(20, stream=io.StringIO())
    for progress in (on_terminal, elsewhere):
        for done in range(21):
            progress.show(done, "night")
        progress.end()

    assert on_terminal.stream.getvalue().count("\r") == 21
    assert on_terminal.stream.getvalue().endswith(f"{'█' * 30} 20/20 night\n")
    assert len(elsewhere.stream.getvalue().splitlines()) == 11
