"""Figures in templates, the same in every door: points, money, dates."""

import datetime
from decimal import Decimal

from django import template
from django.utils import formats

from foundation import money as moneys
from foundation.translating import translated

register = template.Library()


@register.filter
def points(number: int | None) -> str:
    """Write points with thousands separators and a true minus."""
    return "" if number is None else moneys.grouped(number)


@register.filter
def signed(number: int) -> str:
    """Write points as a movement: a plus or a true minus before them."""
    return moneys.grouped(number, signed=True)


@register.filter
def money(amount_minor: int | Decimal | None, currency: str) -> str:
    """Write an amount of minor units in `currency`."""
    return "" if amount_minor is None else moneys.shown(amount_minor, currency)


@register.filter
def day(date: datetime.date | None) -> str:
    """Write a date in the reader's language: 21 Nov 2026, 2026年11月21日."""
    return "" if date is None else formats.date_format(date, "DATE_FORMAT")


@register.filter
def named(names: dict[str, str]) -> str:
    """Pick the reader's language out of names that are data."""
    return translated(names)
