"""Erasing beside what writes the same member at the same time; each beside its naive twin that fails. Nothing here waits for luck: the
one that must come second is held until the first has done its part."""

import dataclasses
import threading
import uuid

import pytest
from django.db import connection, transaction

from foundation import transactions
from foundation.actors import Actor
from foundation.outbox.models import Obligation
from foundation.refusals import Refusal
from members import enrolling
from members.models import Account, Member, Person
from members.reports import AccountReport, MemberReport
from members.sealing import PersonalData, seal_person
from points import ledger, redeeming
from points.ledger import Posting
from points.models import Entry, Kind, Purse
from privacy import barriers, erasing, exporting, holding
from privacy.models import Export
from tests.points.cast import NOON, books_ok, wish
from tests.privacy.cast import JOB, TODAY, ZHAO, available, earn, officer, open_house
from tests.races.test_night import at_once


@pytest.fixture
def house(committed):
    member, points = transactions.commit(open_house)
    transactions.commit(earn, member=member, currency=points, points=100)
    return member, points


def erase(member: Member, *, gives_up: bool = True):
    return transactions.commit(
        erasing.ask,
        member=member,
        channel="portal",
        gives_up_points=gives_up,
        may_wait=False,
        today=TODAY,
        at=NOON,
        actor=Actor(user=member.user),
    )


def report(member: Member) -> MemberReport:
    """Return a file's row that tells who he is anew, and opens an account."""
    account = AccountReport(number="A-NEW", account_class="deposit", opened_on=TODAY)
    return MemberReport(
        number=member.number,
        branch_code="000",
        joined_on=member.joined_on,
        full_name=ZHAO.full_name,
        accounts=(account,),
    )


class Pause:
    """Holds the erasure where its locks are taken and nothing is committed, until the other has begun."""

    def __init__(self, monkeypatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        real = erasing.destroy

        def held(**arguments):
            self.reached.set()
            assert self.go_on.wait(timeout=60)
            return real(**arguments)

        monkeypatch.setattr(erasing, "destroy", held)


def waiting_for_a_lock() -> bool:
    """Tell whether another connection of this database waits for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return cursor.fetchone()[0]


def behind(pause: Pause, member: Member, other):
    """Run `other` while the erasure holds its locks; let the erasure go on once the other waits for them. Return both outcomes."""

    def second():
        assert pause.reached.wait(timeout=60)
        return other()

    def watch():
        assert pause.reached.wait(timeout=60)
        for _look in range(600):
            if waiting_for_a_lock():
                break
            threading.Event().wait(0.1)
        pause.go_on.set()

    return at_once(lambda: erase(member), second, watch)


def test_a_file_that_tells_who_he_is_finds_him_erased(house, monkeypatch):
    member, _points = house

    def take_in():
        return transactions.commit(enrolling.enrol, batch=[report(member)], at=NOON, actor=JOB)

    behind(Pause(monkeypatch), member, take_in)

    person = Person.objects.get(pk=member.pk)
    assert (person.erased_on, person.wrapped_key, person.masked_name) == (TODAY, None, "")
    assert not Account.objects.filter(number="A-NEW").exists()


def test_the_naive_file_brings_him_back(house):
    """The twin: who reads the person before he locks, and writes him after, would bring him back; the database does not let him."""
    member, _points = house
    read = Person.objects.get(pk=member.pk)
    erase(member)

    with pytest.raises(Exception, match="is erased"), transaction.atomic():
        seal_person(read.member_id, PersonalData(full_name="赵国强")).save()
    assert Person.objects.get(pk=member.pk).wrapped_key is None


def test_a_redemption_comes_before_or_not_at_all(house, monkeypatch):
    member, points = house

    def spend():
        asked = dataclasses.asdict(wish(member, points, 30))
        try:
            return transactions.commit(redeeming.redeem, **asked, at=NOON, actor=JOB)
        except Refusal as refusal:
            return refusal.code

    _erased, spent, _watched = behind(Pause(monkeypatch), member, spend)

    assert spent == "unknown_purse"
    assert available(member) == 0
    assert Entry.objects.filter(member_id=member.pk).count() == 2
    assert books_ok()


def test_the_naive_look_at_the_balance_loses_points(house):
    """The twin: who looks at the balance, then gives up what he saw without a lock, leaves what came in between."""
    member, points = house
    seen = barriers.standing(member, today=TODAY, gives_up_points=True)
    left = Purse.objects.get(member_id=member.pk).available
    transactions.commit(earn, member=member, currency=points, points=7)

    given_up = Posting(
        member_id=member.pk,
        currency_id=points.pk,
        key=uuid.uuid4(),
        kind=Kind.ADJUST,
        points=-left,
        occurred_on=TODAY,
        cause="naive",
    )
    transactions.commit(ledger.post, batch=[given_up], actor=JOB)

    assert seen == []
    assert available(member) == 7


def test_points_that_come_while_he_is_erased_are_refused(house, monkeypatch):
    member, points = house
    late = Posting(
        member_id=member.pk,
        currency_id=points.pk,
        key=uuid.uuid4(),
        kind=Kind.EARN,
        points=9,
        occurred_on=TODAY,
        cause="activity/core/late",
    )

    _erased, answered, _watched = behind(
        Pause(monkeypatch), member, lambda: transactions.commit(ledger.post, batch=[late], actor=JOB)
    )

    assert [answer.outcome for answer in answered] == ["unknown_purse"]
    assert available(member) == 0
    assert books_ok()


def test_two_wishes_at_once_make_one_certificate(house):
    member, _points = house

    first, second = at_once(lambda: erase(member), lambda: erase(member))

    assert first.pk == second.pk
    assert erasing.certificate_of(member.pk) is not None
    assert books_ok()


def test_a_hold_that_comes_first_bars_it_and_one_that_comes_later_is_refused(house, monkeypatch):
    member, _points = house
    compliance = transactions.commit(officer, branch=member.branch)

    def place():
        try:
            return transactions.commit(
                holding.place, member=member, reason="court", until=None, actor=Actor(user=compliance), at=NOON
            )
        except exporting.MemberErased as refusal:
            return refusal.code

    _erased, placed, _watched = behind(Pause(monkeypatch), member, place)

    assert placed == "member_erased"
    assert erasing.is_erased(member.pk)


def test_one_copy_is_taken_by_one(house):
    """H16: two who fetch at once; one gets the key."""
    member, _points = house
    export = transactions.commit(
        exporting.ask, member=member, channel="portal", language="en", at=NOON, actor=Actor(user=member.user)
    )
    owed = list(Obligation.objects.filter(topic=exporting.TOPIC))
    transactions.commit(exporting.make, owed=owed, at=NOON, actor=JOB)

    def take():
        try:
            return transactions.commit(exporting.take, export=export, at=NOON, actor=JOB)
        except exporting.NotReady as refusal:
            return refusal.code

    answers = at_once(take, take)

    assert sorted(map(type, answers), key=str) == [bytes, str]
    assert Export.objects.get().state == "taken"
