"""Details in any script come into one form; what is wrong is said at its field (reliability.md H07, H08)."""

import datetime

import pytest

from members.details import SENTENCES, Details
from tests.members.cast import TODAY


def faults(**fields: object) -> dict[str, str]:
    return Details.of(**{"full_name": "李小雨", "phone": "10088880001", **fields}).faults(today=TODAY)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  李 小雨 ", "李 小雨"),
        ("𠮷田さくら", "𠮷田さくら"),
        ("Jose\u0301", "José"),
        ("José", "José"),
        ("محمد علي", "محمد علي"),
        ("evil\u202egnp.exe", "evil gnp.exe"),
        ("zero\u200bwidth", "zero width"),
        ("line\r\nbreak\x00", "line break"),
        ("买买提·吐尔逊", "买买提·吐尔逊"),
        ("\ud800Li", "Li"),
    ],
)
def test_names_of_any_script_come_into_one_form(typed, kept):
    assert Details.of(full_name=typed, phone="10088880001").full_name == kept
    assert faults(full_name=typed) == {}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "name_needed"),
        ("\u202e\u200b", "name_needed"),
        ("x" * 81, "name_too_long"),
        ("Z" + "\u0301" * 1000, "name_too_long"),
        ("😀😀", "name_without_letters"),
        ("12345", "name_without_letters"),
    ],
)
def test_what_is_no_name_is_said_at_the_name(typed, code):
    assert faults(full_name=typed) == {"full_name": code}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("138 0013 8000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("0086 13800138000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("+852 9123 4567", "+85291234567"),
        ("00852 9123 4567", "+85291234567"),
    ],
)
def test_a_phone_number_has_one_form(typed, kept):
    assert Details.of(full_name="李", phone=typed).phone == kept
    assert faults(phone=typed) == {}


@pytest.mark.parametrize(
    "typed",
    ["1", "abc", "138001380001", "call 13800138000", "+0123456789", "+" + "9" * 30, "1" * 5000, "'; DROP", "\x00"],
)
def test_what_is_no_phone_number_is_said_at_the_phone(typed):
    assert faults(phone=typed) == {"phone": "phone_malformed"}


def test_without_phone_and_mail_there_is_no_way_to_send_a_code():
    assert faults(phone="") == {"phone": "contact_needed"}
    assert faults(phone="", email="li@example.com") == {}


@pytest.mark.parametrize("typed", ["li", "li@", "@x.cn", "a b@x.cn", "x" * 200 + "@x.cn", "li@x.cn\r\nBcc: all@x.cn"])
def test_what_is_no_mail_address_is_said_at_the_mail(typed):
    assert faults(email=typed) == {"email": "email_malformed"}


@pytest.mark.parametrize(
    "typed", ["11010519491231002X", "11010519491231002x", "110105 19491231 002X", "H12345678", "E12345678"]
)
def test_documents_that_can_be(typed):
    assert faults(national_id=typed) == {}


@pytest.mark.parametrize(
    "typed",
    ["110105194912310021", "110105194913310029", "1101051949123100", "11010519491231002", "x", "a" * 300, "号码12345"],
)
def test_a_document_number_with_a_slip_is_said_at_its_field(typed):
    expected = {} if typed.isdigit() and len(typed) in {16, 17} else {"national_id": "national_id_malformed"}
    # Sixteen or seventeen figures may be a foreign document's.
    assert faults(national_id=typed) == expected


def test_a_birth_date_lies_in_this_life_and_agrees_with_the_document():
    assert faults(birth_date=datetime.date(1899, 12, 31)) == {"birth_date": "birth_date_out_of_range"}
    assert faults(birth_date=TODAY + datetime.timedelta(days=1)) == {"birth_date": "birth_date_out_of_range"}
    assert faults(birth_date=TODAY) == {}
    document = "11010519491231002X"
    assert faults(birth_date=datetime.date(1950, 1, 1), national_id=document) == {"birth_date": "birth_date_differs"}
    assert faults(birth_date=datetime.date(1949, 12, 31), national_id=document) == {}


def test_several_faults_are_said_at_once():
    found = faults(full_name="", phone="1", national_id="x")

    assert found == {"full_name": "name_needed", "phone": "phone_malformed", "national_id": "national_id_malformed"}
    assert all(code in SENTENCES for code in found.values())
