"""Figures as people read them."""

from decimal import Decimal

import pytest
from django.utils import formats, translation

from foundation.money import money, number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (999, "999"),
        (12_480, "12,480"),
        (-1_200, "−1,200"),
        (10**12, "1,000,000,000,000"),
        (Decimal("0.1"), "0.1"),
    ],
)
def test_numbers_have_separators_and_a_true_minus(value: int | Decimal, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(("value", "written"), [(48, "+48"), (0, "0"), (-1_200, "−1,200")])
def test_a_movement_has_its_sign(value: int, written: str) -> None:
    assert number(value, signed=True) == written


@pytest.mark.parametrize(
    ("amount_minor", "currency", "written"),
    [
        (12_480, "CNY", "¥124.80"),
        (-5, "CNY", "−¥0.05"),
        (100_000_000, "HKD", "HK$1,000,000.00"),
        (1_00, "AUD", "AUD 1.00"),
    ],
)
def test_money_stands_behind_its_currency(amount_minor: int, currency: str, written: str) -> None:
    assert money(amount_minor, currency=currency) == written


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_django_groups_numbers_alike_in_every_language(language: str) -> None:
    with translation.override(language):
        assert formats.number_format(1_234_567, use_l10n=True, force_grouping=True) == "1,234,567"
