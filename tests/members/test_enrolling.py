"""Members come in by batch, as the core bank knows them."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from members.enrolling import enrol, open_accounts
from members.models import Account, Member, Person
from members.reports import AccountReport, MemberReport
from members.sealing import open_person
from tests.factories import BankFactory, BranchFactory, UserFactory

pytestmark = pytest.mark.django_db
AT = datetime.datetime(2026, 3, 2, 1, tzinfo=datetime.UTC)
CORE = Actor.job("intake")
JOINED = datetime.date(2024, 1, 15)


@pytest.fixture(autouse=True)
def bank():
    BankFactory()
    BranchFactory(code="HQ")


def report(number="M1", **changes):
    return MemberReport(**{"number": number, "branch_code": "HQ", "joined_on": JOINED, **changes})


def wang(**changes):
    return report(full_name="王小明", phone="138 0013 1234", national_id="110101199003070011", **changes)


def account(number="A1", **changes):
    return AccountReport(
        **{"number": number, "account_class": "deposit", "opened_on": JOINED, "member_number": "M1", **changes}
    )


def test_a_member_comes_in_with_his_person_and_accounts():
    outcomes = enrol([wang(accounts=(account(),))], at=AT, actor=CORE)

    member = Member.objects.get(number="M1")
    assert outcomes == ["enrolled"]
    assert (member.branch.code, member.joined_on, member.status) == ("HQ", JOINED, "active")
    assert member.accounts.get().number == "A1"
    assert (member.person.masked_name, member.person.masked_phone) == ("王*", "138****1234")
    assert open_person(member.person).pinyin == "wang xiao ming"


def test_the_same_batch_twice_changes_nothing():
    enrol([wang(), report("M2")], at=AT, actor=CORE)
    before = (
        list(Member.objects.order_by("pk").values()),
        bytes(Person.objects.get().sealed),
        AuditEvent.objects.count(),
    )

    outcomes = enrol([wang(), report("M2")], at=AT, actor=CORE)

    assert outcomes == ["unchanged", "unchanged"]
    assert (
        list(Member.objects.order_by("pk").values()),
        bytes(Person.objects.get().sealed),
        AuditEvent.objects.count(),
    ) == before


def test_what_is_reported_anew_is_brought_up_to_date_and_the_rest_stays():
    enrol([wang()], at=AT, actor=CORE)
    BranchFactory(code="WEST")

    outcomes = enrol([report(phone="139 0000 9999", branch_code="WEST")], at=AT, actor=CORE)

    person = Person.objects.select_related("member__branch").get()
    assert outcomes == ["updated"]
    assert (person.member.branch.code, person.masked_phone) == ("WEST", "139****9999")
    assert open_person(person).full_name == "王小明"


def test_an_empty_part_clears_what_stood():
    enrol([wang()], at=AT, actor=CORE)

    outcomes = enrol([report(phone="")], at=AT, actor=CORE)

    assert outcomes == ["updated"]
    assert Person.objects.get().phone_hash is None
    assert open_person(Person.objects.get()).phone == ""


def test_bad_reports_are_refused_one_by_one():
    batch = [
        report("M1"),
        report("M2", branch_code="NOWHERE"),
        report("", full_name="王"),
        report("M4", full_name="王" * 81),
        report("M5\0"),
        report("M6", joined_on=datetime.date(1066, 10, 14)),
        report("M7", gender="unheard of"),
    ]

    outcomes = enrol(batch, at=AT, actor=CORE)

    assert outcomes == [
        "enrolled", "unknown_branch", "invalid_number", "invalid_full_name", "invalid_number", "invalid_joined_on", "invalid_personal_data"
    ]  # fmt: skip
    assert list(Member.objects.values_list("number", flat=True)) == ["M1"]


def test_of_two_rows_of_a_number_the_last_counts():
    outcomes = enrol([report(), report(joined_on=datetime.date(2023, 5, 1))], at=AT, actor=CORE)

    assert outcomes == ["superseded", "enrolled"]
    assert Member.objects.get().joined_on == datetime.date(2023, 5, 1)


def test_an_erased_person_stays_erased():
    enrol([wang()], at=AT, actor=CORE)
    Person.objects.update(wrapped_key=None)

    outcomes = enrol([wang(email="w@example.com")], at=AT, actor=CORE)

    assert outcomes == ["unchanged"]
    assert open_person(Person.objects.get()).full_name == ""


def test_the_statements_are_as_many_for_one_as_for_a_thousand():
    with CaptureQueriesContext(connection) as one:
        enrol([wang(accounts=(account(),))], at=AT, actor=CORE)
    batch = [wang(number=f"N{index}", accounts=(account(f"B{index}"),)) for index in range(1000)]

    with CaptureQueriesContext(connection) as thousand:
        outcomes = enrol(batch, at=AT, actor=CORE)

    assert set(outcomes) == {"enrolled"}
    assert len(thousand) == len(one) <= 18


def test_the_system_leaves_one_event_a_batch_and_a_person_one_a_member():
    enrol([report("M1"), report("M2")], at=AT, actor=CORE)
    by_system = list(AuditEvent.objects.values_list("verb", "subject_kind", "new"))

    enrol([report("M3"), report("M4")], at=AT, actor=Actor(user=UserFactory()))

    assert by_system == [("members.enrol", "members", {"enrolled": 2, "updated": 0})]
    assert AuditEvent.objects.filter(subject_kind="member").count() == 2


def test_accounts_open_close_once_and_never_change_hands():
    enrol([report("M1"), report("M2")], at=AT, actor=CORE)
    closed_on = datetime.date(2025, 6, 30)

    opened = open_accounts(
        [account("A1"), account("A2", member_number="NOBODY"), account("A3", closed_on=datetime.date(2020, 1, 1))],
        actor=CORE,
    )
    again = open_accounts([account("A1")], actor=CORE)
    closed = open_accounts([account("A1", closed_on=closed_on)], actor=CORE)
    other_hands = open_accounts([account("A1", member_number="M2")], actor=CORE)
    other_date = open_accounts([account("A1", closed_on=datetime.date(2025, 7, 1))], actor=CORE)

    assert opened == ["opened", "unknown_member", "invalid_closed_on"]
    assert again + closed + other_hands + other_date == ["unchanged", "closed", "conflict", "account_closed"]
    assert Account.objects.get().closed_on == closed_on
