"""What an activity earns: the base rule is the campaign that is always on; and what could not be taken back of it."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from foundation.translating import translated
from points.models import PointCurrency
from tiers.models import Programme


def words(verbose_name) -> ArrayField:
    """Return a field that holds code words of the bank; empty is no condition."""
    return ArrayField(models.CharField(max_length=40), default=list, blank=True, verbose_name=verbose_name)


class EarningRule(models.Model):
    """A rule by which activities earn; what it says stands in its versions."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    names = models.JSONField(_("names"))

    class Meta:
        verbose_name = _("earning rule")
        verbose_name_plural = _("earning rules")

    def __str__(self) -> str:
        return translated(self.names)


class EarningRuleVersion(models.Model):
    """An immutable numbered version of an earning rule, for activities that occurred from a date until the next one's.

    It takes an activity whose field is in every non-empty `…_in` and in no `…_out`, with at least `minimum_amount_minor`.
    Points = floor(rate × amount in units of money, or × 1 where `per` is activity, × multiplier), then the caps: per activity, per
    day, per month. `first_time_bonus` comes on top, with the first activity of a member that the rule takes.
    """

    class Per(models.TextChoices):
        AMOUNT = "amount", _("unit of money")
        ACTIVITY = "activity", _("activity")

    rule = models.ForeignKey(
        EarningRule, on_delete=models.PROTECT, related_name="versions", verbose_name=_("earning rule")
    )
    number = models.PositiveIntegerField(_("number"))
    in_force_from = models.DateField(_("in force from"))
    direction = models.CharField(_("direction"), max_length=6, blank=True)
    kinds_in, kinds_out = words(_("kinds in")), words(_("kinds out"))
    purposes_in, purposes_out = words(_("purposes in")), words(_("purposes out"))
    products_in, products_out = words(_("products in")), words(_("products out"))
    channels_in, channels_out = words(_("channels in")), words(_("channels out"))
    merchant_categories_in, merchant_categories_out = (
        words(_("merchant categories in")),
        words(_("merchant categories out")),
    )
    minimum_amount_minor = models.BigIntegerField(_("minimum amount"), default=0)
    per = models.CharField(_("per"), max_length=8, choices=Per, default=Per.AMOUNT)
    reward_currency = models.ForeignKey(
        PointCurrency,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("reward points"),
    )
    reward_rate = models.DecimalField(_("reward rate"), max_digits=14, decimal_places=6, default=Decimal(0))
    growth_currency = models.ForeignKey(
        PointCurrency,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("growth points"),
    )
    growth_rate = models.DecimalField(_("growth rate"), max_digits=14, decimal_places=6, default=Decimal(0))
    multiplies_reward = models.BooleanField(_("tier multiplies reward points"), default=True)
    multiplies_growth = models.BooleanField(_("tier multiplies growth points"), default=False)
    programmes = models.ManyToManyField(
        Programme,
        blank=True,
        related_name="+",
        verbose_name=_("programmes that multiply"),
        help_text=_("None: the main one."),
    )
    cap_per_activity = models.BigIntegerField(
        _("cap per activity"), null=True, blank=True, help_text=_("In points, for each currency.")
    )
    cap_per_day = models.BigIntegerField(
        _("cap per day"), null=True, blank=True, help_text=_("In points, for each currency and member.")
    )
    cap_per_month = models.BigIntegerField(
        _("cap per month"), null=True, blank=True, help_text=_("In points, for each currency and member.")
    )
    first_time_bonus = models.BigIntegerField(
        _("first-time bonus"), null=True, blank=True, help_text=_("In reward points, once per member and rule.")
    )
    pending_days = models.PositiveSmallIntegerField(_("pending days"), default=0)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("earning rule version")
        verbose_name_plural = _("earning rule versions")
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="one_rule_version_per_number"),
            models.UniqueConstraint(fields=["rule", "in_force_from"], name="one_rule_version_per_start"),
            models.CheckConstraint(
                condition=Q(reward_rate__gte=0) & Q(growth_rate__gte=0), name="earning_rates_not_negative"
            ),
            models.CheckConstraint(
                condition=(Q(reward_currency__isnull=True) | Q(reward_rate__gt=0))
                & (Q(reward_currency__isnull=False) | Q(reward_rate=0)),
                name="reward_rate_has_its_currency",
            ),
            models.CheckConstraint(
                condition=(Q(growth_currency__isnull=True) | Q(growth_rate__gt=0))
                & (Q(growth_currency__isnull=False) | Q(growth_rate=0)),
                name="growth_rate_has_its_currency",
            ),
            models.CheckConstraint(
                condition=(Q(cap_per_day__isnull=True) | Q(cap_per_day__gt=0))
                & (Q(cap_per_month__isnull=True) | Q(cap_per_month__gt=0)),
                name="earning_caps_positive",
            ),
            models.CheckConstraint(
                condition=Q(first_time_bonus__isnull=True)
                | Q(first_time_bonus__range=(1, 10**12), reward_currency__isnull=False),
                name="first_time_bonus_has_its_currency",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.number}"


class CapUse(models.Model):
    """How many points of one currency a rule has given a member in a day or month of occurrence that the rule caps.

    It only grows: a clawback gives no room back. Only versions with a cap for the period write it. A hot table (ledger.md §6).
    """

    class Period(models.TextChoices):
        DAY = "day", _("day")
        MONTH = "month", _("month")

    pk = models.CompositePrimaryKey("member_id", "rule_id", "currency_id", "period", "starts_on")
    member_id = models.BigIntegerField(_("member"))
    rule_id = models.BigIntegerField(_("earning rule"))
    currency_id = models.SmallIntegerField(_("point currency"))
    period = models.CharField(_("period"), max_length=5, choices=Period)
    starts_on = models.DateField(_("starts on"))
    points = models.BigIntegerField(_("points"), db_default=0)

    class Meta:
        verbose_name = _("use of a cap")
        verbose_name_plural = _("uses of caps")
        constraints = [
            models.CheckConstraint(condition=Q(period__in=["day", "month"]), name="cap_period_known"),
            models.CheckConstraint(condition=Q(points__gte=0), name="cap_use_not_negative"),
        ]


class RefusedClawback(models.Model):
    """A clawback that was not posted, once and for all, with the reason; the reversal it is of stands as a fact."""

    class Reason(models.TextChoices):
        INSUFFICIENT = "insufficient", _("the points are spent, and the currency lets nothing be owed")
        UNKNOWN_PURSE = "unknown_purse", _("the membership is closed")

    member_id = models.BigIntegerField(_("member"))
    currency = models.ForeignKey(
        PointCurrency, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("point currency")
    )
    event_key = models.UUIDField(_("event key"))
    cause = models.CharField(_("cause"), max_length=140)
    points = models.BigIntegerField(_("points"))
    occurred_on = models.DateField(_("occurred on"))
    rule_version = models.ForeignKey(
        EarningRuleVersion, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("rule version")
    )
    figures = models.JSONField(_("figures"))
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("refused clawback")
        verbose_name_plural = _("refused clawbacks")
        constraints = [
            models.UniqueConstraint(
                fields=["member_id", "currency", "event_key"], name="clawback_refused_once_per_event_key"
            ),
            models.CheckConstraint(condition=Q(points__lt=0), name="refused_clawback_is_a_debit"),
            models.CheckConstraint(
                condition=Q(reason__in=["insufficient", "unknown_purse"]), name="refused_clawback_reason_known"
            ),
        ]

    def __str__(self) -> str:
        return self.cause
