"""close_day and prove as an operator meets them: answers, exit codes, refusals, a planted drift."""

import datetime
import io
import json
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from foundation.jobs import driving
from foundation.jobs.models import BusinessDate, JobRun
from members.models import Member
from membership_site.closing import NIGHT
from points.models import Entry, Purse
from points.proving import INVARIANTS, OF_ALL
from tests import banks
from tests.factories import BranchFactory

FIRST = datetime.date(2026, 3, 2)
SECOND = datetime.date(2026, 3, 3)


def run(*arguments: str) -> str:
    answer = io.StringIO()
    call_command(*arguments, stdout=answer)
    return answer.getvalue()


def refused(*arguments: str) -> tuple[int, str]:
    """Return the exit code and the sentence of a command that did not do as it was told."""
    with pytest.raises(CommandError) as error:
        run(*arguments)
    return error.value.returncode, str(error.value)


@pytest.fixture
def bank(committed):
    banks.open_bank(first_business_date=FIRST, members=10, days=6)


def test_close_day_closes_up_to_a_date_and_answers_in_json(bank):
    answer = json.loads(run("close_day", "--as-of", "2026-03-03", "--json"))

    assert (answer["status"], answer["error"]) == ("closed", "")
    assert [(date["business_date"], date["status"], date["attempts"]) for date in answer["dates"]] == [
        ("2026-03-02", "done", 1),
        ("2026-03-03", "done", 1),
    ]
    steps = answer["dates"][0]["steps"]
    assert list(steps) == [
        "earn",
        "claw_back",
        "release",
        "roll_up",
        "review",
        "warn",
        "expire",
        "doze",
        "remind",
        "keep_files",
        "prove",
        "count",
        "total",
        "digest",
        "seal",
    ]
    assert steps["earn"]["counts"]["posted"] == Entry.objects.filter(booked_on=FIRST).count() > 0
    assert json.loads(run("close_day", "--as-of", "2026-03-03", "--json")) | {"seconds": 0} == {
        "status": "closed",
        "seconds": 0,
        "dates": [],
        "error": "",
    }


def test_close_day_tells_its_progress_beside_its_answer(bank, capsys):
    call_command("close_day", "--as-of", "2026-03-03")

    answer, progress = capsys.readouterr()
    assert answer.splitlines()[-1].startswith("2 business dates closed in ")
    assert answer.startswith("2026-03-02 done: earn ")
    assert "100% 2/2 2026-03-03" in progress


def test_two_hands_leave_the_same_figures_as_one(bank, settings):
    settings.NIGHT_CHUNK_MEMBERS = 2

    with_two = json.loads(run("close_day", "--as-of", "2026-03-02", "--workers", "2", "--json"))

    chunks = {name: step["chunks"] for name, step in with_two["dates"][0]["steps"].items()}
    assert (chunks.pop("seal"), chunks.pop("total"), set(chunks.values())) == (1, 1, {5})
    assert with_two["dates"][0]["steps"]["review"]["counts"]["reviewed"] == 10


def test_a_dry_run_counts_and_changes_nothing(bank):
    before = banks.figures()

    answer = json.loads(run("close_day", "--as-of", "2026-03-02", "--dry-run", "--json"))

    assert answer["status"] == "rehearsed"
    assert answer["dates"][0]["steps"]["earn"]["counts"]["posted"] > 0
    assert banks.figures() == before
    assert refused("close_day", "--as-of", "2026-03-03", "--dry-run") == (
        2,
        "2026-03-03 cannot be closed: the next business date to close is 2026-03-02.",
    )


def test_a_date_that_is_not_over_is_refused_with_exit_code_2(bank):
    code, sentence = refused("close_day", "--as-of", "9000-01-01")

    assert code == 2
    assert sentence.startswith("9000-01-01 cannot be closed before it is over")
    assert JobRun.objects.count() == 0


def test_a_bank_without_configuration_is_refused_with_exit_code_2(committed):
    assert refused("close_day", "--due") == (2, "The bank has no business date yet: configure it first.")
    assert refused("prove") == (2, "The bank has no business date yet: configure it first.")


def test_the_second_driver_is_told_who_drives(bank):
    said = []

    def second_driver() -> None:
        said.append(refused("close_day", "--as-of", "2026-03-02"))
        connections.close_all()

    with driving.driving(job=NIGHT, who="the night shift"):
        thread = threading.Thread(target=second_driver)
        thread.start()
        thread.join()

    [(code, sentence)] = said
    assert code == 2
    assert sentence.startswith("close_day is running already: the night shift, pid ")
    assert BusinessDate.objects.get().status == "open"


def drift(member: int, points: int) -> None:
    """Add points to a purse behind everybody's back, as only the owner of the tables can."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE points_purse SET available = available + %s, credited = credited + %s WHERE (member_id, currency_id) ="
            " (SELECT member_id, min(currency_id) FROM points_purse WHERE member_id = %s GROUP BY member_id)",
            [points, points, member],
        )


def take_from_a_lot(member: int, points: int) -> None:
    """Take points from a member's first lot behind everybody's back."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE points_lot SET remaining = remaining - %s WHERE (member_id, number) ="
            " (SELECT member_id, min(number) FROM points_lot WHERE member_id = %s GROUP BY member_id)",
            [points, member],
        )


def test_prove_finds_a_planted_point_and_names_the_purse(bank):
    """E12."""
    run("close_day", "--as-of", "2026-03-02")
    whole = json.loads(run("prove", "--json"))
    purse = Purse.objects.order_by("member_id", "currency_id")[6]  # the first currency of the fourth member

    drift(purse.member_id, 1)

    answer = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("prove", "--as-of", "2026-03-02", "--json", stdout=answer)
    broken = json.loads(answer.getvalue())
    assert whole["as_of"] == broken["as_of"] == "2026-03-02"
    assert next(iter(whole["invariants"])) == "purse_equals_entries"
    assert {result["violations"] for result in whole["invariants"].values()} == {0}
    assert whole["invariants"]["purse_equals_entries"]["checked"] == 20
    assert broken["invariants"]["purse_equals_entries"]["violations"] == 1
    assert error.value.returncode == 1
    named = f"{purse.member_id}/{purse.currency_id} since {purse.last_booked_on}"
    assert f"purse_equals_entries broken 1 times, first at {named}" in str(error.value)
    kept = JobRun.objects.get(job="prove")
    assert (kept.business_date, kept.status) == (FIRST, "failed")
    assert kept.counts == broken["invariants"]


def test_prove_names_each_invariant_with_its_count_also_of_an_earlier_date(bank):
    run("close_day", "--as-of", "2026-03-03")
    member = Entry.objects.order_by("member_id").first().member_id
    Member.objects.filter(pk=member).update(branch=BranchFactory())
    run("close_day", "--as-of", "2026-03-04")

    lines = run("prove", "--as-of", "2026-03-02").splitlines()

    assert [line.split(":")[0] for line in lines] == [*INVARIANTS, OF_ALL, "books_tie", "seals_verify"]
    assert {line.split(": ")[1].split(" of ")[0] for line in lines} == {"0"}


def test_prove_refuses_a_date_that_is_not_closed(bank):
    run("close_day", "--as-of", "2026-03-02")

    code, sentence = refused("prove", "--as-of", "2026-03-03")

    assert (code, sentence) == (2, "The books are proved as of a closed business date; 2026-03-03 is not closed.")


def test_a_night_stops_at_a_lot_that_does_not_tie_and_goes_on_once_it_does(bank):
    """The date stays closing, bookings go on to the next; nothing is lost."""
    run("close_day", "--as-of", "2026-03-02")
    member = Entry.objects.order_by("member_id").first().member_id

    take_from_a_lot(member, 1)
    code, sentence = refused("close_day", "--as-of", "2026-03-03")

    assert code == 1
    assert "prove: BooksBroken: purse_equals_lots broken 1 times" in sentence
    assert list(BusinessDate.objects.order_by("date").values_list("status", flat=True)) == ["closed", "closing", "open"]
    assert JobRun.objects.get(job="close_day", business_date=SECOND).status == "failed"

    take_from_a_lot(member, -1)
    run("close_day", "--as-of", "2026-03-03")

    again = JobRun.objects.get(job="close_day", business_date=SECOND)
    assert (again.status, again.attempts, again.error) == ("done", 2, "")
