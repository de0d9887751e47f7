"""Figures in templates, written as foundation.money writes them."""

from django import template

from foundation import money, naming
from foundation.translating import translated

register = template.Library()


@register.filter
def number(value: int | None) -> str:
    """Write a number: 12,480 or −1,200; a dash where there is none."""
    return "–" if value is None else money.number(value)


@register.filter
def signed(value: int) -> str:
    """Write a movement with its sign: +48 or −1,200."""
    return money.number(value, signed=True)


@register.filter(name="money")
def money_(amount_minor: int | None, currency: str) -> str:
    """Write an amount in minor units: ¥124.80; a dash where there is none."""
    return "–" if amount_minor is None else money.money(amount_minor, currency=currency)


@register.filter
def worded(code: str) -> str:
    """Write the word for a code of the bank's files, of a job or of a step."""
    return naming.worded(code)


@register.filter
def named(names: dict[str, str]) -> str:
    """Pick the reader's language out of names that are data."""
    return translated(names)
