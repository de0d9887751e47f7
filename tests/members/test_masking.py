"""Masks and normal forms, over names in any script."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.masking import mask_name, mask_phone, normal_name, normal_phone, surname
from members.sealing import hash_of, pinyin_initials, pinyin_of

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("name", "mask"),
    [
        ("王小明", "王*"),
        ("欧阳娜娜", "欧阳*"),
        ("歐陽修", "歐陽*"),
        ("欧阳", "欧*"),
        ("𠮷野家", "𠮷*"),
        ("买买提·艾力", "买*"),
        ("John Smith", "J*** S***"),
        ("  john   smith ", "j*** s***"),
        ("Nguyễn Văn A", "N*** V*** A***"),
        ("محمد علي", "م*** ع***"),
        ("\u202eevil\u202c", "e***"),
        ("王\0小明", "王*"),
        ("", ""),
        ("·", ""),
    ],
)
def test_names_are_masked(name, mask):
    assert mask_name(name) == mask


@pytest.mark.parametrize(
    ("phone", "normal", "mask"),
    [
        ("13800131234", "13800131234", "138****1234"),
        ("+86 138-0013-1234", "13800131234", "138****1234"),
        ("0086 13800131234", "13800131234", "138****1234"),
        ("8613800131234", "13800131234", "138****1234"),
        ("１３８００１３１２３４", "13800131234", "138****1234"),
        ("\u202a13800131234\u202c", "13800131234", "138****1234"),
        ("+852 9123 4567", "+85291234567", "+85****4567"),
        ("010-1234 5678", "01012345678", "010****5678"),
        ("12345678", "12345678", "****5678"),
        ("1234", "1234", "****"),
        ("none", "", ""),
    ],
)
def test_phones_have_one_form_and_a_mask(phone, normal, mask):
    assert normal_phone(phone) == normal
    assert mask_phone(phone) == mask


@given(ANY_TEXT)
def test_any_text_has_a_normal_form_that_stays(text):
    normal = normal_name(text)

    assert normal_name(normal) == normal
    assert unicodedata.is_normalized("NFC", normal)
    assert not {"\0", "\n", "\u202e"} & set(normal)
    normal.encode()


@given(ANY_TEXT)
def test_any_text_is_masked_hashed_and_read(text):
    normal = normal_name(text)

    mask_name(text).encode()
    mask_phone(text).encode()
    surname(text).encode()
    pinyin_of(normal)
    pinyin_initials(normal)
    assert all(len(hash_of(kind, text) or b"." * 32) == 32 for kind in ("name", "phone", "national_id", "pinyin"))


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=3, max_size=8))
def test_a_mask_gives_away_no_more_than_the_surname(name):
    mask = mask_name(name)

    assert mask == f"{surname(name)}*"
    assert len(mask) <= 3


@given(st.integers(min_value=10**10, max_value=10**11 - 1).map(str))
def test_a_masked_phone_shows_seven_figures(phone):
    assert mask_phone(phone) == f"{phone[:3]}****{phone[-4:]}"


@pytest.mark.parametrize(
    ("name", "pinyin", "initials"),
    [
        ("王小明", "", "wxm"),
        ("单田芳", "", "stf"),
        ("曾国藩", "", "zgf"),
        ("万俟玉", "", "mqy"),
        ("王小明", "Wang Xiao Ming", "WXM"),
        ("王小明", "Wang Xiaoming", "wxm"),
        ("John Smith", "", "JS"),
        ("", "", ""),
    ],
)
def test_initials_are_what_a_clerk_types(name, pinyin, initials):
    assert pinyin_initials(name, pinyin) == initials
