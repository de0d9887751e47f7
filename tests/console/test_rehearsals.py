"""Rehearsals in the console: who may, what the report says, and whom the list of members names to whom."""

import datetime
import io

import pytest
from django.db import transaction
from django.test import Client
from openpyxl import load_workbook

from foundation.access.models import Role
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.jobs.models import BusinessDate
from tests.console.conftest import posted
from tests.factories import BankFactory
from tiers import rehearsing
from tiers.models import Decision, Programme, Rehearsal, RuleBook, Tier

URL = "/console/tiers/rehearsal/"
FIRST = datetime.date(2026, 3, 2)


@pytest.fixture
def history(house):
    """Both members are gold by an old decision; the rule book in force has no conditions, so a rehearsal lowers them."""
    BankFactory()
    BusinessDate.objects.update_or_create(date=FIRST, defaults={"status": "closed"})
    BusinessDate.objects.create(date=FIRST + datetime.timedelta(days=1))
    programme, gold = Programme.objects.get(), Tier.objects.get(code="gold")
    for member in (house.near, house.far):
        Decision.objects.create(
            member=member, programme=programme, as_of=datetime.date(2024, 2, 1), from_tier=programme.tiers.get(rank=0),
            to_tier=gold, outcome="upgraded", figures={}, rule_book=RuleBook.objects.get(),
        )  # fmt: skip
    return programme


@pytest.fixture
def manager(house) -> Client:
    """The programme manager of head office."""
    client = Client()
    client.force_login(posted(Role.PROGRAMME_MANAGER, house.head_office))
    return client


def done(client) -> Rehearsal:
    """Start a rehearsal of the stored rule book by the form, and replay it."""
    answer = client.post(f"{URL}start/", {"rules": f"book-{RuleBook.objects.get().pk}", "months": 3})
    rehearsal = Rehearsal.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{URL}{rehearsal.pk}/")
    waiting = client.get(answer["Location"]).content.decode()
    assert "0 of 1 parts are done" in waiting and "with one worker" in waiting
    while rehearsing.do_next(rehearsal=rehearsal, plan=rehearsing.plan_of(rehearsal)):
        pass
    return rehearsing.finish(rehearsal_id=rehearsal.pk, at=clock.now())


def test_a_report_says_who_moves_and_the_start_is_audited(manager, history):
    rehearsal = done(manager)

    page = manager.get(f"{URL}{rehearsal.pk}/").content.decode()

    assert rehearsal.result["matrix"]["gold"] == {"standard": 2, "silver": 0, "gold": 0}
    assert "Would stand lower" in page and "100.0 %" in page
    assert rehearsal.result["cut_over"] == {
        "on": "2026-03-02",
        "notices": {"upgraded": 0, "renewed": 0, "grace": 0, "downgraded": 2, "secured": 0},
        "kept": 2,
    }
    assert "The night of the cut-over" in page and "would keep the tier of 2 of them" in page
    assert f"{URL}{rehearsal.pk}/members.xlsx" in page
    assert manager.get(URL).status_code == 200
    event = AuditEvent.objects.get(verb="tiers.rehearsing.start")
    assert (event.subject_id, event.new["programme"]) == (f"{rehearsal.pk}", "main")


def test_one_click_lets_a_failed_rehearsal_go_on_or_begins_it_again(manager, compliance, history):
    manager.post(f"{URL}start/", {"rules": f"book-{RuleBook.objects.get().pk}", "months": 3})
    rehearsal = Rehearsal.objects.get()
    page, resume = f"{URL}{rehearsal.pk}/", f"{URL}{rehearsal.pk}/resume/"
    transaction.atomic()(rehearsing.fail)(rehearsal_id=rehearsal.pk, error=RuntimeError("no room"))

    assert "Begin it again" in manager.get(page).content.decode()
    assert "Begin it again" not in compliance.get(page).content.decode()
    assert [client.post(resume).status_code for client in (compliance, Client())] == [403, 302]
    assert manager.get(resume).status_code == 403
    rehearsal.refresh_from_db()
    assert rehearsal.status == "failed"
    assert manager.post(resume)["Location"] == page
    rehearsal.refresh_from_db()
    assert (rehearsal.status, rehearsal.error) == ("running", "")
    assert "has not failed" in manager.post(resume, follow=True).content.decode()
    answer = manager.post(f"{URL}{rehearsal.pk}/again/")

    again = Rehearsal.objects.exclude(pk=rehearsal.pk).get()
    assert answer["Location"] == f"{URL}{again.pk}/"
    assert (again.rule_book, again.months, again.status) == (rehearsal.rule_book, 3, "running")
    assert AuditEvent.objects.filter(verb="tiers.rehearsing.resume", subject_id=f"{rehearsal.pk}").count() == 1


def test_the_members_are_those_of_ones_branches_and_named_to_who_may_see_them(manager, compliance, house, history):
    rehearsal = done(manager)
    url = f"{URL}{rehearsal.pk}/members.csv"
    pudong = Client()
    pudong.force_login(posted(Role.COMPLIANCE, house.pudong))

    rows = [
        b"".join(client.get(url).streaming_content).decode("utf-8-sig").splitlines()
        for client in (manager, compliance, pudong)
    ]

    assert rows[0][1:] == ["A-FAR-2,200,,Gold,Standard", "A-NEAR-1,101,,Gold,Standard"]
    assert rows[1][1:] == ["A-FAR-2,200,李*,Gold,Standard", "A-NEAR-1,101,王*,Gold,Standard"]
    assert rows[2][1:] == ["A-NEAR-1,101,王*,Gold,Standard"]
    page = pudong.get(f"{URL}{rehearsal.pk}/").content.decode()
    assert "Branch 101" in page and "Branch 200" not in page


def test_the_list_comes_as_a_workbook_too(manager, history):
    rehearsal = done(manager)

    answer = manager.get(f"{URL}{rehearsal.pk}/members.xlsx")

    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [
        ["A-FAR-2", "200", "", "Gold", "Standard"],
        ["A-NEAR-1", "101", "", "Gold", "Standard"],
    ]
    assert manager.get(f"{URL}{rehearsal.pk}/members.exe").status_code == 404


def test_who_may_not_neither_starts_nor_reads(teller, compliance, history, manager):
    rehearsal = done(manager)

    assert [teller.get(f"{URL}{path}").status_code for path in ("", f"{rehearsal.pk}/", "start/")] == [403] * 3
    assert teller.get(f"{URL}{rehearsal.pk}/members.csv").status_code == 403
    assert compliance.get(f"{URL}{rehearsal.pk}/").status_code == 200
    assert compliance.post(f"{URL}start/", {"rules": f"programme-{history.pk}", "months": 3}).status_code == 403
    assert Rehearsal.objects.count() == 1


def test_a_refusal_is_shown_in_the_form(manager, house):
    answer = manager.post(f"{URL}start/", {"rules": f"programme-{Programme.objects.get().pk}", "months": 3})

    assert "No business date is closed yet" in answer.content.decode()
    assert Rehearsal.objects.count() == 0


def test_a_failed_rehearsal_says_why(manager, history):
    rehearsal = done(manager)
    Rehearsal.objects.filter(pk=rehearsal.pk).update(
        status="failed", result=None, finished_at=None, error="DataError: out of range"
    )

    assert "DataError: out of range" in manager.get(f"{URL}{rehearsal.pk}/").content.decode()
    assert manager.get(f"{URL}{rehearsal.pk}/members.csv").status_code == 404
