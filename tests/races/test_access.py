"""Two looks at once at the end of a day's limit, and two hand-overs of one member at once; and their naive twins."""

import datetime
import threading

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from foundation import transactions
from foundation.access.models import Role, User
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.audit.recording import record
from foundation.refusals import Refusal
from members import caring, revealing
from members.models import Assignment, Member
from tests.console.conftest import posted
from tests.factories import BranchFactory, MemberFactory
from tests.races.test_night import at_once

AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
TODAY = datetime.date(2026, 3, 2)
DAY = datetime.timedelta(days=1)
ROUNDS = 20


@pytest.fixture
def member(committed) -> Member:
    """A member of the only branch."""
    return MemberFactory(branch=BranchFactory())


def look(user: User, member: Member, at: datetime.datetime) -> str:
    """Look at a member in clear; return `seen` or the refusal's code."""
    try:
        transactions.commit(revealing.reveal, member=member, reason="He called", actor=Actor(user=user), at=at)
    except Refusal as refusal:
        return refusal.code
    return "seen"


def test_of_two_looks_at_the_limit_one_is_the_last(member: Member, monkeypatch) -> None:
    monkeypatch.setattr(settings, "PII_REVEALS_A_DAY", 1)
    user = posted(Role.TELLER, member.branch)

    for turn in range(ROUNDS):
        day = AT + turn * DAY

        answers = at_once(*(lambda day=day: look(user, member, day) for _ in range(2)))

        assert sorted(answers) == ["seen", "too_many_reveals"]
    assert AuditEvent.objects.filter(verb="members.reveal").count() == ROUNDS


def test_naive_counting_without_a_lock_lets_both_look(member: Member) -> None:
    user, counted = posted(Role.TELLER, member.branch), threading.Barrier(2)

    def naive() -> None:
        with transaction.atomic():
            looked = revealing.looks_of_day(user, at=AT)
            counted.wait()
            if looked < 1:
                record(verb="members.reveal", actor=Actor(user=user), subject_kind="member", subject_id=1, at=AT)

    at_once(naive, naive)

    assert revealing.looks_of_day(user, at=AT) == 2


def test_a_member_given_to_two_at_once_is_one_s_in_the_end(member: Member) -> None:
    managers = [posted(Role.RELATIONSHIP_MANAGER, member.branch) for _ in range(2)]

    def give(manager: User, day: datetime.date) -> int:
        return transactions.commit(
            caring.assign,
            members=Member.objects.filter(pk=member.pk),
            manager=manager,
            starts_on=day,
            reason="He asked for one",
            actor=Actor.job("test"),
            at=AT,
        )

    for turn in range(ROUNDS):
        day = TODAY + turn * DAY

        moved = at_once(*(lambda manager=manager, day=day: give(manager, day) for manager in managers))

        assert set(moved) <= {0, 1}
        assert Assignment.objects.on(day).filter(member=member).count() == 1
    events = AuditEvent.objects.filter(verb="members.assign")
    assert events.count() == Assignment.objects.count() >= ROUNDS


def test_naive_ending_and_beginning_trips_the_constraint(member: Member) -> None:
    managers = [posted(Role.RELATIONSHIP_MANAGER, member.branch) for _ in range(2)]
    ended = threading.Barrier(2)

    def naive(manager: User) -> str:
        try:
            with transaction.atomic():
                Assignment.objects.filter(member=member, ends_on=None).update(ends_on=TODAY)
                ended.wait()
                Assignment.objects.create(member=member, manager=manager, starts_on=TODAY)
        except IntegrityError as error:
            return "one_open_assignment_per_member" if "one_open_assignment_per_member" in str(error) else str(error)
        return "given"

    answers = at_once(*(lambda manager=manager: naive(manager) for manager in managers))

    assert sorted(answers) == ["given", "one_open_assignment_per_member"]
