"""Several workers on one rehearsal: each range is replayed once, what a killed one held is taken over, one of them finishes it."""

import datetime
import io
import json
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from foundation import transactions
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from membership_site import closing, tasks
from tests import banks
from tests.races.test_night import at_once
from tiers import reading, rehearsing
from tiers.models import Decision, Programme, Rehearsal, RehearsedMove, Standing

FIRST = datetime.date(2026, 3, 2)
# Everybody has been a member for 26 months: gold, where history has standard.
DRAFT = {
    "conditions": [
        {"tier": tier, "metric": "tenure", "enter": months}
        for tier, months in (("silver", 1), ("gold", 12), ("platinum", 600), ("diamond", 700))
    ]
}
MEMBERS, RANGES = 12, 6


@pytest.fixture
def bank(committed, settings):
    """Twelve members in six ranges, three closed nights."""
    settings.NIGHT_CHUNK_MEMBERS = MEMBERS // RANGES
    banks.open_bank(first_business_date=FIRST, members=MEMBERS, days=6)
    closing.close(through=FIRST + datetime.timedelta(days=2), way="test")


def start(**rules) -> Rehearsal:
    programme = Programme.objects.get(is_main=True)
    asked = {"programme": programme, "months": 1, "actor": Actor.job("test"), "at": clock.now()}
    return transactions.commit(rehearsing.start, **asked, **rules)


def crowd() -> tuple[Rehearsal, int]:
    """Let four workers go on with one rehearsal; return it, and how many ranges they replayed together."""
    rehearsal = start(document=DRAFT)
    told: list[int] = []

    answers = at_once(
        *(lambda: rehearsing.go_on(rehearsal_id=rehearsal.pk, tell=lambda one: told.append(one.pk)) for _ in range(4))
    )
    rehearsal.refresh_from_db()
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    return rehearsal, len(told)


def test_four_workers_replay_each_range_once(bank):
    rehearsal, replayed = crowd()

    assert (rehearsal.status, replayed) == ("done", RANGES)
    assert rehearsal.result["members"] == rehearsal.result["winners"] == MEMBERS
    notices = {"upgraded": MEMBERS, "renewed": 0, "grace": 0, "downgraded": 0, "secured": 0}
    assert rehearsal.result["cut_over"] == {"on": "2026-03-04", "notices": notices, "kept": 0}
    assert RehearsedMove.objects.filter(rehearsal=rehearsal).count() == MEMBERS


def test_naive_twin_claims_without_a_lock_and_trips_over_the_moves(bank, monkeypatch):
    """Both have claimed the first range before either has replayed it; the constraint one_move_per_rehearsed_member stops the second."""
    monkeypatch.setattr(rehearsing, "CLAIM", rehearsing.CLAIM.replace("FOR UPDATE SKIP LOCKED", ""))
    rehearsal, both, replay, waited = start(document=DRAFT), threading.Barrier(2), rehearsing.replay_range, set()

    def replay_together(**asked):
        if threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            both.wait()
        return replay(**asked)

    monkeypatch.setattr(rehearsing, "replay_range", replay_together)

    answers = at_once(*(lambda: rehearsing.go_on(rehearsal_id=rehearsal.pk) for _ in range(2)))

    assert any("one_move_per_rehearsed_member" in str(answer) for answer in answers)
    rehearsal.refresh_from_db()
    assert rehearsal.status == "failed" and "one_move_per_rehearsed_member" in rehearsal.error


def test_what_a_killed_worker_held_is_taken_over(bank):
    rehearsal = start(document=DRAFT)

    def killed() -> None:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(rehearsing.CLAIM, [rehearsal.pk])
            cursor.execute("UPDATE tiers_rehearsedrange SET done_at = now() WHERE rehearsal_id = %s", [rehearsal.pk])
        connections.close_all()

    at_once(killed)
    assert transactions.commit(rehearsing.idle) == [rehearsal.pk]

    assert rehearsing.go_on(rehearsal_id=rehearsal.pk) is False

    rehearsal.refresh_from_db()
    assert (rehearsal.status, rehearsal.moves.count()) == ("done", MEMBERS)
    assert transactions.commit(rehearsing.idle) == []


def test_a_worker_replays_one_range_a_message(bank, monkeypatch):
    """Between two of them a night may be closed: each message asks for the next."""
    rehearsal, sent = start(document=DRAFT), []
    monkeypatch.setattr(rehearsing, "send", sent.append)

    messages = 0
    while messages == 0 or sent:
        sent.clear()
        tasks.rehearse(rehearsal_id=rehearsal.pk)
        messages += 1
        done = rehearsal.ranges.filter(done_at__isnull=False).count()
        assert done == min(messages, RANGES)
        if messages == 2:
            assert rehearsing.remaining_seconds(rehearsal) >= 1
            closing.close(through=FIRST + datetime.timedelta(days=3), way="test")

    rehearsal.refresh_from_db()
    assert (rehearsal.status, rehearsal.result["winners"]) == ("done", MEMBERS)


def test_a_range_that_fails_is_written_down_and_the_next_ring_leaves_it(bank, monkeypatch):
    rehearsal = start(document=DRAFT)
    monkeypatch.setattr(rehearsing, "replay_range", lambda **_range: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        rehearsing.go_on(rehearsal_id=rehearsal.pk)

    rehearsal.refresh_from_db()
    assert (rehearsal.status, rehearsal.error) == ("failed", "ZeroDivisionError: division by zero")
    assert transactions.commit(rehearsing.idle) == []
    assert RehearsedMove.objects.count() == 0


def rehearse(*arguments: str) -> tuple[dict, str]:
    """Run the command for an object; return it and what it said on the way."""
    out, said = io.StringIO(), io.StringIO()
    call_command("rehearse", *arguments, "--json", stdout=out, stderr=said)
    return json.loads(out.getvalue()), said.getvalue()


def test_the_command_answers_with_an_object(bank, tmp_path):
    live = [list(model.objects.order_by("pk").values_list()) for model in (Standing, Decision)]
    draft = tmp_path / "draft.json"
    draft.write_text(json.dumps(DRAFT))
    toml = tmp_path / "draft.toml"
    rows = "".join(
        f'  {{ tier = "{one["tier"]}", metric = "tenure", enter = {one["enter"]} }},\n' for one in DRAFT["conditions"]
    )
    toml.write_text(f"conditions = [\n{rows}]\n")

    in_force, said = rehearse("--rule-book", "in-force", "--months", "12")
    stored, _said = rehearse("--rule-book", "1", "--programme", "composite")
    drafted, _said = rehearse("--rule-book", str(draft))
    again, _said = rehearse("--rule-book", str(toml))

    assert (in_force["differences"], in_force["from"], in_force["dates"]) == (0, f"{FIRST}", 3)
    assert f"for 3 dates × {MEMBERS} members" in said
    assert stored["differences"] == 0
    assert drafted["differences"] == again["differences"] == MEMBERS
    assert drafted["matrix"]["standard"]["gold"] == MEMBERS
    assert drafted["cost"]["benefits"] is None
    assert len({one.digest for one in Rehearsal.objects.exclude(digest="")}) == 1
    assert [list(model.objects.order_by("pk").values_list()) for model in (Standing, Decision)] == live


@pytest.mark.parametrize("rules", ["7", "/nowhere/draft.toml", "nonsense"])
def test_the_command_refuses_what_it_cannot_rehearse(bank, rules):
    with pytest.raises(CommandError) as refused:
        rehearse("--rule-book", rules)

    assert refused.value.returncode == 2
    assert Rehearsal.objects.count() == 0


def test_a_draft_that_no_longer_reads_fails_once_and_goes_on_when_it_reads_again(bank):
    """It isn't rung for each minute; one verb lets it go on, and what was replayed isn't replayed again."""
    rehearsal = start(document=DRAFT)
    rehearsing.go_on(rehearsal_id=rehearsal.pk, most=2)
    unknown = {"conditions": [one | {"tier": "copper"} for one in DRAFT["conditions"]]}
    Rehearsal.objects.update(document=unknown)

    with pytest.raises(reading.InvalidRuleBook):
        rehearsing.go_on(rehearsal_id=rehearsal.pk)

    rehearsal.refresh_from_db()
    assert rehearsal.status == "failed" and rehearsal.error.startswith("InvalidRuleBook")
    assert transactions.commit(rehearsing.idle) == []
    Rehearsal.objects.update(document=DRAFT)
    said = {"rehearsal_id": rehearsal.pk, "actor": Actor.job("test"), "at": clock.now()}
    assert transactions.commit(rehearsing.resume, **said).status == "running"
    told: list[int] = []

    rehearsing.go_on(rehearsal_id=rehearsal.pk, tell=lambda one: told.append(one.pk))

    rehearsal.refresh_from_db()
    assert (rehearsal.status, rehearsal.error, len(told)) == ("done", "", RANGES - 2)
    assert rehearsal.result["members"] == MEMBERS


@pytest.mark.parametrize("status", ["running", "done"])
def test_only_what_has_failed_is_resumed(bank, status):
    rehearsal = start(document=DRAFT)
    if status == "done":
        rehearsing.go_on(rehearsal_id=rehearsal.pk)

    with pytest.raises(rehearsing.NotFailed):
        transactions.commit(rehearsing.resume, rehearsal_id=rehearsal.pk, actor=Actor.job("test"), at=clock.now())

    rehearsal.refresh_from_db()
    assert rehearsal.status == status
    assert not AuditEvent.objects.filter(verb="tiers.rehearsing.resume").exists()


def test_the_command_resumes_one_that_failed(bank):
    rehearsal = start(document=DRAFT)
    rehearsing.go_on(rehearsal_id=rehearsal.pk, most=2)
    transactions.commit(rehearsing.fail, rehearsal_id=rehearsal.pk, error=RuntimeError("no room"))
    out = io.StringIO()

    call_command("rehearse", "--resume", f"{rehearsal.pk}", "--json", stdout=out, stderr=io.StringIO())

    assert json.loads(out.getvalue())["members"] == MEMBERS
    with pytest.raises(CommandError, match="has not failed"):
        call_command("rehearse", "--resume", f"{rehearsal.pk}", stderr=io.StringIO())
