"""Naming code words: what the bank's files call things, as people say it. A word that nobody knows is shown readably."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: dict[str, str | Promise] = {
    # What an activity was, and what for.
    "card_spend": _("card payment"),
    "card_payment": _("card payment"),
    "online_payment": _("online payment"),
    "mobile_payment": _("mobile payment"),
    "qr_payment": _("QR payment"),
    "transfer": _("bank transfer"),
    "transfer_in": _("incoming transfer"),
    "transfer_out": _("outgoing transfer"),
    "cash_deposit": _("cash deposit"),
    "cash_withdrawal": _("cash withdrawal"),
    "withdrawal": _("withdrawal"),
    "salary": _("salary"),
    "pension": _("pension"),
    "interest": _("interest"),
    "fee": _("fee"),
    "loan_payment": _("loan payment"),
    "household": _("household bill"),
    "utilities": _("utilities"),
    "login": _("sign-in"),
    "log_in": _("sign-in"),
    "event": _("event"),
    "bill_payment": _("bill payment"),
    "wealth_purchase": _("purchase of a wealth product"),
    "insurance_premium": _("insurance premium"),
    # Accounts and products.
    "deposit": _("deposit"),
    "time_deposit": _("time deposit"),
    "savings": _("savings"),
    "current": _("current account"),
    "wealth": _("wealth"),
    "fund": _("fund"),
    "insurance": _("insurance"),
    "loan": _("loan"),
    "mortgage": _("mortgage"),
    "card": _("card"),
    "credit_card": _("credit card"),
    "debit_card": _("debit card"),
    # Channels.
    "branch": _("branch"),
    "counter": _("counter"),
    "atm": _("ATM"),
    "mobile": _("mobile"),
    "app": _("mobile app"),
    "web": _("web"),
    "online": _("online"),
    "online_shop": _("online shops"),
    "cinema": _("cinemas"),
    "gold": _("gold"),
    "pos": _("point of sale"),
    "phone": _("telephone"),
    # Merchants.
    "restaurant": _("restaurants"),
    "dining": _("dining"),
    "supermarket": _("supermarkets"),
    "department_store": _("department stores"),
    "wholesale": _("wholesale"),
    "real_estate": _("real estate"),
    "hospital": _("hospitals"),
    "school": _("schools"),
    "government": _("government"),
    "charity": _("charity"),
    "grocery": _("groceries"),
    "groceries": _("groceries"),
    "travel": _("travel"),
    "fuel": _("fuel"),
    "shopping": _("shopping"),
    "health": _("health"),
    "education": _("education"),
    "entertainment": _("entertainment"),
    "transport": _("transport"),
    "gambling": _("gambling"),
    # What is sent to members.
    "welcome": _("welcome"),
    "code": _("one-time code"),
    "file_review": _("request to look through the details"),
    "expiry_reminder": _("reminder of points that lapse"),
    "will_downgrade": _("warning of a lower tier"),
    # Jobs and the steps of a night.
    "close_day": _("night"),
    "ring": _("heartbeat"),
    "recheck_seals": _("recheck of seals"),
    "earn": _("earning"),
    "claw_back": _("taking back"),
    "remind": _("reminding"),
    "keep_files": _("files of members"),
    "count": _("counting"),
    "total": _("totals"),
    "release": _("release of pending points"),
    "roll_up": _("roll-ups"),
    "review": _("tier review"),
    "warn": _("warning of downgrades"),
    "doze": _("falling asleep and waking"),
    "expire": _("lapse of points"),
    "prove": _("proof"),
    "digest": _("digests"),
    "seal": _("seal"),
}


def worded(code: str) -> str:
    """Return the word for a code in the reader's language; a code of the bank's own, its underlines as blanks."""
    return str(WORDS.get(code) or code.replace("_", " "))


def worded_each(codes: Iterable[str]) -> list[str]:
    """Return the words for codes, in order, each word once."""
    return list(dict.fromkeys(map(worded, codes)))
