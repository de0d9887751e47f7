"""Money and points as people read them: thousands separators, the currency's sign, a true minus."""

from decimal import Decimal

MINUS = "\N{MINUS SIGN}"
SIGNS = {"CNY": "¥", "HKD": "HK$", "TWD": "NT$", "USD": "US$", "EUR": "€", "GBP": "£", "JPY": "JP¥"}


def grouped(number: int | Decimal, *, signed: bool = False) -> str:
    """Write a number with thousands separators and a true minus; `signed` writes a plus before what is above 0."""
    sign = MINUS if number < 0 else "+" if signed and number > 0 else ""
    return f"{sign}{abs(number):,}"


def shown(amount_minor: int | Decimal, currency: str, *, whole: bool = False) -> str:
    """Write an amount of minor units in units of `currency`: two decimals, or none where `whole` and nothing is lost."""
    units = Decimal(amount_minor) / 100
    digits = f"{abs(units):,.0f}" if whole and units == units.to_integral_value() else f"{abs(units):,.2f}"
    sign = SIGNS.get(currency)
    return f"{MINUS if units < 0 else ''}{sign or ''}{digits}{'' if sign else f' {currency}'}"
