"""A clerk finds a member by what he is known by, inside what he may see."""

import datetime
import re

import pytest
from cryptography.exceptions import InvalidTag
from django.db import connection
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from members.enrolling import enrol
from members.finding import find
from members.models import Member, Person
from members.reports import MemberReport
from members.sealing import PersonalData, open_person, seal_person
from tests.factories import BranchFactory, MemberFactory

pytestmark = pytest.mark.django_db
AT = datetime.datetime(2026, 3, 2, 1, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def members():
    """Wang and Ouyang at HQ, Zoë Smith in the west."""
    for code in ("HQ", "WEST"):
        BranchFactory(code=code)
    joined = {"joined_on": datetime.date(2024, 1, 15)}
    batch = [
        MemberReport(
            number="M00001",
            branch_code="HQ",
            full_name="王小明",
            phone="+86 138 0013 1234",
            national_id="11010119900307001x",
            **joined,
        ),
        MemberReport(number="M00002", branch_code="HQ", full_name="欧阳娜娜", phone="13900001234", **joined),
        MemberReport(number="M00004", branch_code="HQ", full_name="单雄信", **joined),
        MemberReport(number="M00005", branch_code="HQ", full_name="解晓东", **joined),
        MemberReport(number="M00006", branch_code="HQ", full_name="曾子墨", **joined),
        MemberReport(number="M00007", branch_code="HQ", full_name="区楚良", **joined),
        MemberReport(number="M00008", branch_code="HQ", full_name="单于无忌", **joined),
        MemberReport(
            number="M00003", branch_code="WEST", full_name="Zoe\u0308 Smith", phone="+44 20 7946 0018", **joined
        ),
    ]
    enrol(batch, at=AT, actor=Actor.job("intake"))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("M00001", ["M00001"]),
        (" m00001 ", ["M00001"]),
        ("13800131234", ["M00001"]),
        ("138-0013-1234", ["M00001"]),
        ("11010119900307001X", ["M00001"]),
        ("王小明", ["M00001"]),
        ("王　小明", ["M00001"]),
        ("wxm", ["M00001"]),
        ("WXM", ["M00001"]),
        ("王1234", ["M00001"]),
        ("欧阳 1234", ["M00002"]),
        ("oynn", ["M00002"]),
        ("zoë smith", ["M00003"]),
        ("zs", ["M00003"]),
        ("Smith 0018", ["M00003"]),
        ("+442079460018", ["M00003"]),
        # Full width, as a keyboard set to Chinese writes it.
        ("Ｍ００００１", ["M00001"]),
        ("１３８００１３１２３４", ["M00001"]),
        ("１１０１０１１９９００３０７００１Ｘ", ["M00001"]),
        ("ｗｘｍ", ["M00001"]),
        ("王１２３４", ["M00001"]),
        # Composed or not, a name is one.
        ("Zo\u00eb Smith", ["M00003"]),
        ("Zoe\u0308 Smith", ["M00003"]),
        # Surnames that are read otherwise than their character usually is.
        ("sxx", ["M00004"]),
        ("dxx", []),
        ("xxd", ["M00005"]),
        ("zzm", ["M00006"]),
        ("ocl", ["M00007"]),
        ("cywj", ["M00008"]),
        ("王小", []),
        ("1234", []),
        ("李1234", []),
        ("", []),
        ("   ", []),
        ("\0", []),
        ("\ud800", []),
        ("%", []),
    ],
)
def test_each_is_found_by_what_he_is_known_by(text, numbers):
    found = find(text, visible=Member.objects.all())

    assert sorted(found.values_list("number", flat=True)) == numbers


def test_what_is_not_visible_is_not_found_and_the_answer_can_be_narrowed():
    at_headquarters = Member.objects.filter(branch__code="HQ")

    assert not find("M00003", visible=at_headquarters).exists()
    assert not find("zs", visible=at_headquarters).exists()
    assert find("wxm", visible=at_headquarters).filter(number__gt="M0").order_by("number").count() == 1


def test_it_takes_one_statement_and_nothing_typed_stands_in_the_clear():
    with CaptureQueriesContext(connection) as captured:
        list(find("王小明", visible=Member.objects.all()).order_by("number"))

    assert len(captured) == 1
    stored = " ".join(str(value) for person in Person.objects.values() for value in person.values())
    assert "小明" not in stored
    assert "13800131234" not in stored


def test_what_finds_somebody_and_what_finds_nobody_is_one_question_to_the_database():
    """No difference in work tells who is known: the same statement, the same hashes, whatever is typed of a kind."""

    def asked(text: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            list(find(text, visible=Member.objects.all()).order_by("number"))
        return [re.sub(r"'[^']*'(::bytea)?", "?", query["sql"]) for query in captured]

    assert asked("13800131234") == asked("13800139999")
    assert asked("王小明") == asked("王小红")


def test_a_sealed_person_opens_for_his_own_member_only():
    wang, li = MemberFactory(), MemberFactory()
    data = PersonalData(full_name="王 小明", email="w@example.com", birth_date=datetime.date(1990, 3, 7), gender="male")
    person = seal_person(wang.pk, data)

    person.save()
    opened = open_person(Person.objects.get(pk=wang.pk))
    stolen = Person(member_id=li.pk, wrapped_key=person.wrapped_key, sealed=person.sealed)

    assert opened == data
    with pytest.raises(InvalidTag):
        open_person(stolen)


def test_without_its_key_a_person_is_nobody():
    person = seal_person(MemberFactory().pk, PersonalData(full_name="王小明"))

    person.wrapped_key = None

    assert open_person(person) == PersonalData()
