"""Code words in the reader's language; a code that nobody has a word for stays readable."""

import pytest
from django.utils import translation

from foundation.naming import WORDS, worded, worded_each
from membership_site.closing import NIGHT


@pytest.mark.parametrize(
    ("language", "word"), [("en", "card payment"), ("zh-hans", "刷卡消费"), ("zh-hant", "刷卡消費")]
)
def test_a_code_has_its_word_in_each_language(language: str, word: str) -> None:
    with translation.override(language):
        assert worded("card_spend") == word


def test_a_code_of_the_bank_s_own_is_shown_readably() -> None:
    assert worded("VKLAD_2") == "VKLAD 2"
    assert worded("") == ""


def test_two_codes_of_one_word_are_said_once() -> None:
    assert worded_each(["grocery", "groceries", "x_y"]) == ["groceries", "x y"]


def test_every_step_of_a_night_has_a_word() -> None:
    assert {step.name for step in NIGHT.steps} | {NIGHT.name} <= WORDS.keys()
