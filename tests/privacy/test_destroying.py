"""A7: what has passed its term is found, destroyed by two people's decision and not before, certified; a legal hold stops it."""

import datetime
import uuid

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.access.models import Role
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.audit.models import AuditEvent
from foundation.audit.recording import record
from foundation.outbox.models import Obligation
from foundation.refusals import Refusal
from members.models import Enrolment, Member, Person
from members.sealing import open_person
from points.models import Entry
from privacy import certificates, destroying, holding
from privacy.classes import CLASSES
from privacy.keeping import Destruction, LegalHold, RetentionTerm
from privacy.models import Certificate, Erased
from tests.factories import AccountFactory, MemberFactory
from tests.points.cast import NOON
from tests.privacy.cast import JOB, TODAY, ZHAO, approve, earn, officer, open_house, zhao

LONG_AGO = datetime.datetime(2012, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def house(db):
    return open_house()


def sent(number: int, *, topic: str = "messages.send", member: int = 0, at: datetime.datetime = LONG_AGO) -> Obligation:
    return Obligation.objects.create(topic=topic, member_id=member, key=f"k{number}", payload={}, done_at=at)


def find() -> dict[str, int]:
    return destroying.find(today=TODAY, at=NOON, actor=JOB)


def decided(data_class: str, branch) -> Destruction:
    """Find what is due of a class, and have it decided on by two people of compliance."""
    find()
    batch = Destruction.objects.get(data_class=data_class, state="found")
    first, second = officer(branch), officer(branch)
    made = destroying.ask(
        id=uuid.uuid4(), destruction=batch, reason="its term is over", actor=Actor(user=first), at=NOON
    )
    approve(made, second)
    batch.refresh_from_db()
    return batch


def run(batch: Destruction) -> Destruction:
    """Destroy an approved batch, chunk by chunk."""
    while destroying.go_on(destruction_id=batch.pk, today=TODAY, at=NOON, actor=JOB):
        pass
    batch.refresh_from_db()
    return batch


def test_the_schedule_names_every_class_that_is_destroyed_by_decision():
    by_decision = {one.code for one in CLASSES.values() if one.due}

    assert by_decision <= {"closed_members", "enrolments", "messages", "outbox", "exports", "audit"}
    assert "ledger" not in by_decision


def test_what_has_passed_its_term_is_found_and_what_has_not_is_not(house):
    sent(1)
    sent(2, at=NOON)
    sent(3, topic="other")

    assert find() == {"messages": 1, "outbox": 1}
    assert find() == {"messages": 1, "outbox": 1}
    assert Destruction.objects.count() == 2
    assert Obligation.objects.count() == 3


def test_two_people_decide_then_a_job_destroys_and_a_certificate_stays(house):
    member, _points = house
    for number in range(7):
        sent(number)
    sent(8, at=NOON)

    batch = run(decided("messages", member.branch))

    assert (batch.state, batch.destroyed, Obligation.objects.count()) == ("done", 7, 1)
    assert certificates.holds(batch.certificate)
    document = batch.certificate.document
    assert (document["data_class"], document["rows"]) == ("messages", 7)
    assert document["asked_by"] != document["decided_by"]
    assert [event.new["rows"] for event in AuditEvent.objects.filter(verb="privacy.destroy")].count(7) == 1
    # Done is done.
    assert not destroying.go_on(destruction_id=batch.pk, today=TODAY, at=NOON, actor=JOB)
    assert Certificate.objects.count() == 1


def test_nobody_decides_on_his_own_and_the_database_asks_for_the_decision(house):
    member, _points = house
    sent(1)
    find()
    batch = Destruction.objects.get()
    first = officer(member.branch)
    made = destroying.ask(id=uuid.uuid4(), destruction=batch, reason="over", actor=Actor(user=first), at=NOON)

    with pytest.raises(deciding.OwnRequest):
        approve(made, first)
    for user in (officer(member.branch, Role.BRANCH_MANAGER), officer(member.branch, Role.IT)):
        with pytest.raises(Refusal):
            approve(made, user)
    # Behind Python's back: the state alone is no decision.
    Destruction.objects.filter(pk=batch.pk).update(state="approved", request_id=made.pk)
    with pytest.raises(IntegrityError, match="nobody decided"), transaction.atomic():
        destroying.go_on(destruction_id=batch.pk, today=TODAY, at=NOON, actor=JOB)

    assert Obligation.objects.count() == 1


def test_a_hold_on_the_class_or_the_member_stops_it_up_to_the_last_moment(house):
    member, _points = house
    sent(1, member=member.pk)
    sent(2)
    batch = decided("messages", member.branch)
    compliance = Actor(user=officer(member.branch))
    held = holding.place(member=member, reason="court order", until=None, actor=compliance, at=NOON)

    run(batch)

    assert [one.member_id for one in Obligation.objects.all()] == [member.pk]
    assert find() == {}
    holding.lift(hold=held, reason="court is done", actor=compliance, at=NOON)
    assert find() == {"messages": 1}
    second = Destruction.objects.get(state="found")
    holding.place(data_class="messages", reason="inquiry", until=TODAY, actor=compliance, at=NOON)
    made = destroying.ask(id=uuid.uuid4(), destruction=second, reason="over", actor=compliance, at=NOON)
    approve(made, officer(member.branch))
    run(second)
    assert Obligation.objects.count() == 1


def test_a_hold_needs_a_reason_and_an_end_that_is_to_come(house):
    member, _points = house
    compliance = Actor(user=officer(member.branch))

    for wrong in ({"reason": " ", "until": None}, {"reason": "x", "until": TODAY - datetime.timedelta(days=1)}):
        with pytest.raises(Refusal):
            holding.place(member=member, **wrong, actor=compliance, at=NOON)
    held = holding.place(member=member, reason="court", until=None, actor=compliance, at=NOON)
    holding.lift(hold=held, reason="done", actor=compliance, at=NOON)
    with pytest.raises(holding.NotHeld):
        holding.lift(hold=held, reason="done", actor=compliance, at=NOON)
    assert LegalHold.objects.count() == 1


def test_closed_members_are_emptied_and_their_ledger_is_not(house):
    member, points = house
    earn(member, points, 5)
    entries = Entry.objects.count()
    past = datetime.date(2015, 1, 1)
    gone = zhao(member.branch, number="C1", user=None, status="closed", closed_on=past)
    customer = zhao(member.branch, number="C2", user=None, status="closed", closed_on=past)
    AccountFactory(member=customer, opened_on=past, closed_on=datetime.date(2017, 1, 1))
    fresh = zhao(member.branch, number="C3", user=None, status="closed", closed_on=datetime.date(2025, 1, 1))

    batch = run(decided("closed_members", member.branch))

    assert (batch.state, batch.destroyed) == ("done", 1)
    assert [one.member_id for one in Erased.objects.all()] == [gone.pk]
    assert open_person(Person.objects.get(pk=gone.pk)).full_name == ""
    for kept in (member, customer, fresh):
        assert open_person(Person.objects.get(pk=kept.pk)) == ZHAO
    assert Entry.objects.count() == entries


def test_the_trail_goes_by_decision_only(house):
    member, _points = house
    for number in range(3):
        record(verb="members.reveal", actor=JOB, subject_kind="member", subject_id=number, at=LONG_AGO)
    with pytest.raises(Exception, match=r"written once|permission denied"), transaction.atomic():
        AuditEvent.objects.filter(at=LONG_AGO).delete()

    run(decided("audit", member.branch))

    assert not AuditEvent.objects.filter(at__lte=LONG_AGO).exists()
    assert AuditEvent.objects.filter(verb="privacy.destroy").exists()


def test_lapsed_enrolments_go_with_their_codes(house):
    member, _points = house
    for state, reference in (("lapsed", "AAAA-AAAA"), ("started", "BBBB-BBBB")):
        is_over = state == "lapsed"
        Enrolment.objects.create(
            reference=reference,
            state=state,
            via="sms",
            begun_on="portal",
            branch=member.branch,
            language="en",
            wrapped_key=None if is_over else b"k",
            sealed=b"",
            started_at=LONG_AGO,
            ended_at=LONG_AGO if is_over else None,
            expires_at=LONG_AGO,
        )

    run(decided("enrolments", member.branch))

    assert [one.reference for one in Enrolment.objects.all()] == ["BBBB-BBBB"]


def test_one_row_and_many_take_as_many_statements(house):
    member, _points = house
    batch = None
    counts = []
    for size in (1, 60):
        for number in range(size):
            sent(1000 * size + number)
        batch = decided("messages", member.branch)
        with CaptureQueriesContext(connection) as seen:
            destroying.go_on(destruction_id=batch.pk, today=TODAY, at=NOON, actor=JOB)
        counts.append(len(seen))
        run(batch)

    assert counts[0] == counts[1]
    assert Destruction.objects.filter(state="done").count() == 2


def test_a_member_in_the_open_is_never_due(house):
    member, _points = house
    Member.objects.filter(pk=member.pk).update(joined_on=datetime.date(1990, 1, 1))
    MemberFactory(branch=member.branch)

    assert "closed_members" not in find()
    assert RetentionTerm.objects.get(data_class="ledger").months is None
