"""Two records of one person are found by keyed hashes, within the branches somebody works in; and who isn't one is remembered."""

import datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.refusals import Refusal
from members import doubles
from members.models import Member, SetApart
from members.sealing import PersonalData, seal_person
from tests.factories import BranchFactory, MemberFactory

pytestmark = pytest.mark.django_db
NOON = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
TELLER = Actor.job("teller")
WANG = {"full_name": "王小雨", "phone": "13800000001", "national_id": "11010519491231002X", "email": "wang@example.cn"}


def person(branch, **data) -> Member:
    member = MemberFactory(branch=branch)
    seal_person(member.pk, PersonalData(**data)).save()
    return member


def found(paths=None) -> list[tuple[int, int, tuple[str, ...]]]:
    return [(one.first.pk, one.second.pk, one.agree) for one in doubles.find(paths=paths)[0]]


def test_pairs_say_what_agrees():
    branch = BranchFactory()
    whole = person(branch, **WANG)
    by_document = person(branch, full_name="Wang Xiaoyu", national_id=WANG["national_id"])
    by_two = person(branch, full_name=WANG["full_name"], phone="+86 138 0000 0001")
    person(branch, full_name=WANG["full_name"])
    person(branch, full_name="李雷", phone=WANG["phone"])

    assert found() == [
        (whole.pk, by_document.pk, ("national_id",)),
        (whole.pk, by_two.pk, ("name", "phone")),
    ]


def test_who_is_closed_is_not_proposed():
    branch = BranchFactory()
    person(branch, **WANG)
    gone = person(branch, **WANG)
    Member.objects.filter(pk=gone.pk).update(status="closed", closed_on=NOON.date())

    assert found() == []


def test_both_must_lie_in_the_branches():
    head = BranchFactory()
    near, far = BranchFactory(parent=head), BranchFactory(parent=head)
    person(near, **WANG)
    person(far, **WANG)

    assert found([near.path]) == found([far.path]) == []
    assert len(found([head.path])) == 1


def test_who_is_set_apart_is_not_proposed_again():
    branch = BranchFactory()
    one, other = person(branch, **WANG), person(branch, **WANG)
    said = {"reason": "twins", "at": NOON, "actor": TELLER}

    first = doubles.set_apart(one=other, other=one, **said)
    again = doubles.set_apart(one=one, other=other, **said | {"reason": "twins, really"})

    assert first == again == SetApart.objects.get(first=one, second=other, reason="twins")
    assert found() == []
    assert AuditEvent.objects.filter(verb="doubles.set_apart").count() == 2


def test_it_says_why_and_of_two():
    one = person(BranchFactory(), **WANG)

    for said, code in (({"reason": " "}, "reason_missing"), ({"reason": "me", "other": one}, "one_record")):
        with pytest.raises(Refusal) as refusal, transaction.atomic():
            doubles.set_apart(**{"one": one, "other": MemberFactory(), "at": NOON, "actor": TELLER} | said)
        assert refusal.value.code == code
    assert not SetApart.objects.exists()


def test_pages_follow_each_other_at_the_cost_of_two_statements():
    branch = BranchFactory()
    for _ in range(4):
        person(branch, **WANG)

    pages, after = [], None
    for _ in range(3):
        with CaptureQueriesContext(connection) as statements:
            page, after = doubles.find(paths=None, after=after, limit=2)
        assert len(statements) == 2
        pages += [(one.first.pk, one.second.pk) for one in page]
    assert after is None
    assert len(set(pages)) == len(pages) == 6
