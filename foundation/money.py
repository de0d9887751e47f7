"""Amounts and points as people read them: thousands in threes, a true minus sign, the currency's sign in front."""

from decimal import Decimal

SIGNS = {"CNY": "¥", "HKD": "HK$", "TWD": "NT$", "USD": "US$", "EUR": "€", "GBP": "£", "CZK": "Kč "}


def number(value: int | Decimal, *, signed: bool = False) -> str:
    """Return `value` with thousands separators, a true minus sign and, if `signed`, a plus sign before what is above zero."""
    return f"{value:{'+' if signed and value else ''},}".replace("-", "−")


def money(amount_minor: int | Decimal, *, currency: str) -> str:
    """Return an amount in minor units (hundredths), to two decimals, behind its currency's sign or, lacking one, its code."""
    amount = (Decimal(amount_minor) / 100).quantize(Decimal("0.01"))
    return f"{'−' if amount < 0 else ''}{SIGNS.get(currency, currency + ' ')}{abs(amount):,}"
