"""The trail for compliance: searched by whom, what, on what and when; taken away as a file that proves itself."""

import datetime
import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from foundation.access.models import Role, User
from foundation.actors import Actor
from foundation.audit import exporting
from foundation.audit.models import AuditEvent
from foundation.audit.recording import Change, record, record_each
from foundation.jobs import clock
from tests.console.conftest import House, posted
from tests.factories import StaffFactory

LIST = "/console/audit/auditevent/"
MONDAY = datetime.date(2026, 3, 2)
# 23:59:59 on Monday and 00:00 on Tuesday, in Shanghai.
LATE = datetime.datetime(2026, 3, 2, 15, 59, 59, tzinfo=datetime.UTC)
NEXT = LATE + datetime.timedelta(seconds=1)


@pytest.fixture
def trail(house: House) -> User:
    """Three events: Lin twice, late on Monday and on Tuesday, and a job on Monday."""
    lin = StaffFactory(username="lin", employee_number="E-lin")
    for verb, actor, at in (
        ("points.redeem", Actor(user=lin, address="203.0.113.9"), LATE),
        ("members.reveal", Actor(user=lin), NEXT),
        ("points.redeem", Actor.job("close_day"), LATE),
    ):
        record(
            verb=verb,
            actor=actor,
            subject_kind="member",
            subject_id=17,
            at=at,
            old={"a": 1},
            new={"a": "姓"},
            reason="why",
        )
    return lin


@pytest.fixture
def auditor(house: House) -> Client:
    """The auditor of head office."""
    client = Client()
    client.force_login(posted(Role.AUDITOR, house.head_office))
    return client


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, 3),
        ({"actor": "lin"}, 2),
        ({"actor": "E-lin"}, 2),
        ({"actor": "close_day"}, 1),
        ({"actor": "nobody"}, 0),
        ({"verb": "points.redeem"}, 2),
        ({"verb": "points.redeem", "actor": "lin"}, 1),
        ({"subject_kind": "member", "subject_id": "17"}, 3),
        ({"subject_id": "18"}, 0),
        ({"first": "2026-03-03"}, 1),
        ({"last": "2026-03-02"}, 2),
        ({"first": "2026-03-02", "last": "2026-03-03"}, 3),
        ({"first": "yesterday"}, 0),
        ({"verb": "x' OR 1=1"}, 0),
    ],
)
def test_it_is_searched_by_whom_what_and_when(trail: User, auditor: Client, asked: dict, found: int) -> None:
    with CaptureQueriesContext(connection) as captured:
        answer = auditor.get(LIST, asked)

    assert answer.status_code == 200
    assert len(answer.context["cl"].result_list) == found
    assert not [query for query in captured if "COUNT(" in query["sql"]]


def test_the_next_page_keeps_the_search(trail: User, auditor: Client) -> None:
    record_each(verb="many.done", actor=Actor.job("many"), subject_kind="thing", changes=map(Change, ()), at=NEXT)
    changes = [Change(subject_id=n) for n in range(60)]
    record_each(verb="many.done", actor=Actor.job("many"), subject_kind="thing", changes=changes, at=NEXT)

    first = auditor.get(LIST, {"verb": "many.done"}).context["cl"]
    second = auditor.get(f"{LIST}{first.next_url}").context["cl"]

    seen = [event.subject_id for page in (first, second) for event in page.result_list]
    assert (len(seen), len(set(seen)), second.next_url) == (60, 60, "")


def exported(first: datetime.date = MONDAY, last: datetime.date = MONDAY, **more) -> list[bytes]:
    """Return the lines of an export of some dates."""
    head = exporting.begin(first=first, last=last, actor=Actor.job("test"), at=clock.now())
    return list(exporting.lines(head, at=clock.now()))


def test_a_file_holds_the_events_of_its_dates_and_verifies(trail: User) -> None:
    lines = exported()

    assert exporting.verify(lines) == 2
    assert b'"address":"203.0.113.9"' in b"".join(lines)
    assert "姓".encode() in b"".join(lines)
    assert AuditEvent.objects.get(verb="audit.export").new == {"from": "2026-03-02", "to": "2026-03-02"}


@pytest.mark.parametrize("tamper", ["edit", "drop", "insert", "swap", "cut", "resign", "empty"])
def test_a_file_that_was_touched_does_not_verify(trail: User, tamper: str) -> None:
    lines = exported()
    touched = {
        "edit": [lines[0], lines[1].replace(b"why", b"not"), *lines[2:]],
        "drop": [lines[0], *lines[2:]],
        "insert": [*lines[:2], lines[1], *lines[2:]],
        "swap": [lines[0], lines[2], lines[1], *lines[3:]],
        "cut": lines[:-1],
        "resign": [*lines[:-1], lines[-1].replace(b'"signature":"', b'"signature":"00')],
        "empty": [],
    }[tamper]

    assert exporting.verify(lines) == 2
    with pytest.raises(ValueError, match=r"cut off|not those|not the bank"):
        exporting.verify(touched)


def test_a_key_that_is_not_the_bank_s_signs_nothing(trail: User, settings) -> None:
    settings.SEAL_KEY = b"\7" * 32
    lines = exported()
    settings.SEAL_KEY = bytes(32)

    with pytest.raises(ValueError, match="not the bank's"):
        exporting.verify(lines)


def test_the_console_gives_the_same_file_and_the_command_checks_it(trail: User, auditor: Client, tmp_path) -> None:
    answer = auditor.post(f"{LIST}export/", {"first": "2026-03-02", "last": "2026-03-03"})
    file = tmp_path / "audit.jsonl"
    file.write_bytes(b"".join(answer.streaming_content))
    said = io.StringIO()

    call_command("export_audit", "--verify", str(file), stdout=said)

    assert said.getvalue().strip() == "3 events, signed by the bank"
    assert 'filename="audit-2026-03-02-2026-03-03.jsonl"' in answer["Content-Disposition"]
    assert AuditEvent.objects.get(verb="audit.export").actor is not None
    file.write_bytes(file.read_bytes().replace(b"lin", b"nil"))
    with pytest.raises(CommandError) as wrong:
        call_command("export_audit", "--verify", str(file))
    assert wrong.value.returncode == 1


@pytest.mark.parametrize(("first", "last"), [("2026-03-03", "2026-03-02"), ("2020-01-01", "2026-03-02"), ("", "x")])
def test_dates_that_can_t_be_are_refused(trail: User, auditor: Client, first: str, last: str) -> None:
    answer = auditor.post(f"{LIST}export/", {"first": first, "last": last})

    assert (answer.status_code, answer.streaming) == (200, False)
    assert not AuditEvent.objects.filter(verb="audit.export").exists()


def test_a_branch_s_compliance_reads_no_trail_that_knows_no_branches(trail: User, house: House, client: Client) -> None:
    client.force_login(posted(Role.COMPLIANCE, house.pudong))

    answers = [client.get(LIST), client.post(f"{LIST}export/", {"first": "2026-03-02", "last": "2026-03-03"})]

    assert {answer.status_code for answer in answers} == {403}
