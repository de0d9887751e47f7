"""The books' nouns: what every closed business date left behind, summed up so that no page has to add up entries.

A *place* says where points stand: the member's branch, the earning rule's version that made them (0: none), the month in
which they expire. Written once per date by `books.totalling`; nothing here is a hot row (reliability.md, decision 3).
"""

import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from foundation.access.models import Branch
from points.models import Kind, PointCurrency

# What is owed stands in no lot, and growth points have none: no month, and for what leaves them no rule.
NO_MONTH = datetime.date(1, 1, 1)
NEVER_MONTH = datetime.date(9999, 12, 1)
NO_RULE = 0

# Beside the kinds of entries, what moves points from place to place and changes no balance.
MOVED, PAID_OWED = 0, 9
KINDS = [(MOVED, _("moved with the member")), *Kind.choices, (PAID_OWED, _("paid what was owed"))]


def reference(to: type[models.Model], verbose_name) -> models.ForeignKey:
    """Return a foreign key without an index of its own: the tables are read by date."""
    return models.ForeignKey(to, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=verbose_name)


class CarryingBranch(models.Model):
    """The branch that carries a member's points in the books: his own, as of the last date that was totalled."""

    member_id = models.BigIntegerField(_("member"), primary_key=True)
    branch = reference(Branch, _("branch"))

    class Meta:
        verbose_name = _("carrying branch")
        verbose_name_plural = _("carrying branches")


class ChunkTotal(models.Model):
    """What one chunk of members moved on a date that is closing; summed up into DailyTotal, then gone."""

    pk = models.CompositePrimaryKey(
        "business_date", "first_member", "currency_id", "branch_id", "kind", "rule_version_id", "expires_in"
    )
    business_date = models.DateField(_("business date"))
    first_member = models.BigIntegerField(_("first member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    branch_id = models.IntegerField(_("branch"))
    kind = models.SmallIntegerField(_("kind"), choices=KINDS)
    rule_version_id = models.IntegerField(_("rule version"))
    expires_in = models.DateField(_("expires in"))
    credited = models.BigIntegerField(_("credited"))
    debited = models.BigIntegerField(_("debited"))
    entries = models.BigIntegerField(_("entries"))

    class Meta:
        verbose_name = _("chunk total")
        verbose_name_plural = _("chunk totals")


class DailyTotal(models.Model):
    """What a business date moved, by kind and place: points credited and debited, and the number of entries."""

    pk = models.CompositePrimaryKey(
        "business_date", "currency_id", "kind", "branch_id", "rule_version_id", "expires_in"
    )
    business_date = models.DateField(_("business date"))
    currency = reference(PointCurrency, _("point currency"))
    kind = models.SmallIntegerField(_("kind"), choices=KINDS)
    branch = reference(Branch, _("branch"))
    rule_version_id = models.IntegerField(_("rule version"))
    expires_in = models.DateField(_("expires in"))
    credited = models.BigIntegerField(_("credited"))
    debited = models.BigIntegerField(_("debited"))
    entries = models.BigIntegerField(_("entries"))

    class Meta:
        verbose_name = _("daily total")
        verbose_name_plural = _("daily totals")
        constraints = [
            models.CheckConstraint(
                condition=Q(credited__gte=0, debited__gte=0, entries__gte=0), name="daily_total_not_negative"
            )
        ]


class DailyStock(models.Model):
    """The points outstanding at one place at the end of a business date; a place without points has no row."""

    pk = models.CompositePrimaryKey("business_date", "currency_id", "branch_id", "rule_version_id", "expires_in")
    business_date = models.DateField(_("business date"))
    currency = reference(PointCurrency, _("point currency"))
    branch = reference(Branch, _("branch"))
    rule_version_id = models.IntegerField(_("rule version"))
    expires_in = models.DateField(_("expires in"))
    points = models.BigIntegerField(_("points"))

    class Meta:
        verbose_name = _("daily stock")
        verbose_name_plural = _("daily stocks")
        constraints = [models.CheckConstraint(condition=~Q(points=0), name="daily_stock_not_zero")]


class DailyBalance(models.Model):
    """A business date's control totals in one point currency: opening + credited − debited = closing, the points outstanding.

    `liability_minor` is the closing balance at the worth of a point on that date, rounded half up; None without a worth.
    """

    pk = models.CompositePrimaryKey("business_date", "currency_id")
    business_date = models.DateField(_("business date"))
    currency = reference(PointCurrency, _("point currency"))
    opening = models.BigIntegerField(_("opening balance"))
    credited = models.BigIntegerField(_("credited"))
    debited = models.BigIntegerField(_("debited"))
    closing = models.BigIntegerField(_("closing balance"))
    entries = models.BigIntegerField(_("entries"))
    worth_minor = models.DecimalField(_("worth of a point"), max_digits=12, decimal_places=4, null=True)
    liability_minor = models.BigIntegerField(_("liability"), null=True)

    class Meta:
        verbose_name = _("daily balance")
        verbose_name_plural = _("daily balances")
        constraints = [
            models.CheckConstraint(
                condition=Q(closing=F("opening") + F("credited") - F("debited")), name="daily_balance_ties"
            ),
            models.CheckConstraint(
                condition=Q(worth_minor__isnull=True, liability_minor__isnull=True)
                | Q(worth_minor__isnull=False, liability_minor__isnull=False),
                name="daily_balance_has_worth_and_liability",
            ),
        ]


class Event(models.TextChoices):
    """What the general ledger is told of: each a pair of accounts."""

    ISSUE = "issue", _("points issued")
    REDEEM = "redeem", _("points redeemed")
    RESTORE = "restore", _("redemptions cancelled")
    EXPIRE = "expire", _("points expired")
    CLAWBACK = "clawback", _("points clawed back")
    ADJUST_UP = "adjust_up", _("adjustments upwards")
    ADJUST_DOWN = "adjust_down", _("adjustments downwards")
    TRANSFER_OUT = "transfer_out", _("transfers sent")
    TRANSFER_IN = "transfer_in", _("transfers received")
    REVALUE = "revalue", _("revaluation and rounding")


class JournalAccount(models.Model):
    """The accounts of the bank's general ledger that an event of a point currency debits and credits, from its next date on."""

    currency = models.ForeignKey(
        PointCurrency, on_delete=models.PROTECT, related_name="+", verbose_name=_("point currency")
    )
    event = models.CharField(_("event"), max_length=12, choices=Event)
    debit = models.CharField(_("account debited"), max_length=40)
    credit = models.CharField(_("account credited"), max_length=40)

    class Meta:
        verbose_name = _("journal account")
        verbose_name_plural = _("journal accounts")
        constraints = [
            models.UniqueConstraint(fields=["currency", "event"], name="one_pair_of_accounts_per_event"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="journal_accounts_differ"),
        ]

    @property
    def code(self) -> str:
        """Return how a configuration names it: currency and event."""
        return f"{self.currency.code}/{self.event}"


class JournalLine(models.Model):
    """One event of a business date for the general ledger: so many minor units of money from an account to another.

    Accounts and worth are those of the date, so the file of a date stays the same whatever is configured later.
    """

    pk = models.CompositePrimaryKey("business_date", "currency_id", "event")
    business_date = models.DateField(_("business date"))
    currency = reference(PointCurrency, _("point currency"))
    event = models.CharField(_("event"), max_length=12, choices=Event)
    debit = models.CharField(_("account debited"), max_length=40)
    credit = models.CharField(_("account credited"), max_length=40)
    points = models.BigIntegerField(_("points"))
    amount_minor = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("journal line")
        verbose_name_plural = _("journal lines")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="journal_line_moves_something"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="journal_line_accounts_differ"),
        ]
