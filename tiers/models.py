"""Programmes, their tiers and rule books; standings and the decisions they rest on; running totals to decide from."""

from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, BigIntegerRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from foundation.jobs.models import JobRun
from foundation.translating import translated
from members.models import Member
from points.models import PointCurrency
from tiers.drafts import Draft, Withdrawal  # noqa: F401
from tiers.protections import Protection  # noqa: F401
from tiers.rehearsals import Rehearsal, RehearsedMove, RehearsedRange  # noqa: F401


class Programme(models.Model):
    """A membership with its own ladder of tiers; the main one gives the multiplier where an earning rule names none."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    names = models.JSONField(_("names"))
    is_main = models.BooleanField(_("main programme"), default=False)

    class Meta:
        verbose_name = _("loyalty programme")
        verbose_name_plural = _("loyalty programmes")
        constraints = [
            models.UniqueConstraint(fields=["is_main"], condition=Q(is_main=True), name="one_main_programme")
        ]

    def __str__(self) -> str:
        return translated(self.names)


class Tier(models.Model):
    """A step of a programme's ladder; rank 0 is standard, which everybody has who satisfies nothing more."""

    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="tiers", verbose_name=_("loyalty programme")
    )
    rank = models.PositiveSmallIntegerField(_("rank"))
    code = models.CharField(_("code"), max_length=20)
    names = models.JSONField(_("names"))

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        constraints = [
            models.UniqueConstraint(fields=["programme", "rank"], name="one_tier_per_rank"),
            models.UniqueConstraint(fields=["programme", "code"], name="one_tier_per_code"),
        ]

    def __str__(self) -> str:
        return translated(self.names)


class RuleBookQuerySet(models.QuerySet["RuleBook"]):
    def standing(self) -> Self:
        """Leave out the versions that were withdrawn before they came into force."""
        return self.filter(withdrawal__isnull=True)


class RuleBook(models.Model):
    """An immutable numbered version of a programme's rules, in force from a date until the next one's.

    Its calendar stands here and not at the programme, so that a change of it is a version like any other. Grace is counted in days
    or in months; each tier may have its own validity and grace in its terms. Nobody drops before `protected_until`.
    """

    class Calendar(models.TextChoices):
        NIGHTLY = "nightly", _("every night")
        MONTH_END = "month_end", _("at the end of each month")
        QUARTER_END = "quarter_end", _("at the end of each quarter")
        HALF_YEAR_END = "half_year_end", _("at the end of each half-year")
        YEAR_END = "year_end", _("at the end of each year")
        ANNIVERSARY = "anniversary", _("on each anniversary of joining")

    class Downgrade(models.TextChoices):
        IMMEDIATE = "immediate", _("immediate")
        GRACE = "grace", _("after a grace period")
        NEVER = "never", _("never")

    class GraceUnit(models.TextChoices):
        DAYS = "days", _("days")
        MONTHS = "months", _("months")

    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="rule_books", verbose_name=_("loyalty programme")
    )
    number = models.PositiveIntegerField(_("number"))
    in_force_from = models.DateField(_("in force from"))
    validity_months = models.PositiveSmallIntegerField(
        _("validity in months"), null=True, blank=True, help_text=_("Empty: each review decides afresh.")
    )
    calendar = models.CharField(_("review calendar"), max_length=15, choices=Calendar, default=Calendar.NIGHTLY)
    upgrades_nightly = models.BooleanField(
        _("upgrades every night"), default=False, help_text=_("A higher tier is given at once, whatever the calendar.")
    )
    downgrade = models.CharField(_("downgrade"), max_length=10, choices=Downgrade, default=Downgrade.IMMEDIATE)
    one_step = models.BooleanField(
        _("one step down"), default=False, help_text=_("A downgrade goes down one tier, not to the tier satisfied.")
    )
    grace_unit = models.CharField(_("unit of grace"), max_length=6, choices=GraceUnit, default=GraceUnit.DAYS)
    grace_length = models.PositiveSmallIntegerField(_("grace period"), default=90)
    protected_until = models.DateField(
        _("protected until"), null=True, blank=True, help_text=_("Nobody drops before this date.")
    )
    created_at = models.DateTimeField(_("created at"))

    objects = RuleBookQuerySet.as_manager()

    class Meta:
        verbose_name = _("rule book")
        verbose_name_plural = _("rule books")
        # One start per version, of those not withdrawn, is a trigger: one_rule_book_per_start, tiers/migrations/0008.
        constraints = [models.UniqueConstraint(fields=["programme", "number"], name="one_rule_book_per_number")]

    def __str__(self) -> str:
        return f"{self.programme} {self.number}"


class TierTerms(models.Model):
    """What a rule book gives the holders of a tier: the multiplier of reward points; its own validity and grace, if any."""

    rule_book = models.ForeignKey(RuleBook, on_delete=models.CASCADE, related_name="terms", verbose_name=_("rule book"))
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+", verbose_name=_("tier"))
    multiplier = models.DecimalField(_("points multiplier"), max_digits=6, decimal_places=3, default=1)
    validity_months = models.PositiveSmallIntegerField(
        _("validity in months"), null=True, blank=True, help_text=_("Empty: as the rule book says.")
    )
    grace_length = models.PositiveSmallIntegerField(
        _("grace period"), null=True, blank=True, help_text=_("In the rule book's unit; empty: as the rule book says.")
    )

    class Meta:
        verbose_name = _("tier terms")
        verbose_name_plural = _("tier terms")
        constraints = [
            models.UniqueConstraint(fields=["rule_book", "tier"], name="one_terms_per_tier"),
            models.CheckConstraint(condition=Q(multiplier__gt=0), name="multiplier_positive"),
        ]


class Metric(models.TextChoices):
    """What a condition measures: a difference of running totals, months since joining, or the last grade reported."""

    GROWTH_POINTS = "growth_points", _("growth points")
    AVERAGE_ASSETS = "average_assets", _("average daily assets")
    TRANSACTION_COUNT = "transaction_count", _("transactions")
    TRANSACTION_AMOUNT = "transaction_amount", _("transaction amount")
    PRODUCTS_HELD = "products_held", _("products held")
    TENURE = "tenure", _("tenure in months")
    CREDIT_GRADE = "credit_grade", _("credit grade")
    RISK_GRADE = "risk_grade", _("risk grade")
    CUMULATIVE_CONTRIBUTION = "cumulative_contribution", _("cumulative contribution")


# Figures over a window; those that a selection narrows; those in points of a growth currency, in money, on a scale of grades.
WINDOWED = {Metric.GROWTH_POINTS, Metric.AVERAGE_ASSETS, Metric.TRANSACTION_COUNT, Metric.TRANSACTION_AMOUNT}
SELECTING = {Metric.AVERAGE_ASSETS, Metric.TRANSACTION_COUNT, Metric.TRANSACTION_AMOUNT, Metric.PRODUCTS_HELD}
IN_GROWTH_POINTS = {Metric.GROWTH_POINTS, Metric.CUMULATIVE_CONTRIBUTION}
IN_MONEY = {Metric.AVERAGE_ASSETS, Metric.TRANSACTION_AMOUNT}
GRADES = {Metric.CREDIT_GRADE, Metric.RISK_GRADE}


class Series(models.Model):
    """A quantity kept as running totals per member, so that any window's figure is the difference of two rows.

    `selection` narrows it: account classes of assets, kinds of transactions, products held; empty takes all, of assets deposit,
    wealth and insurance. Growth points serve the cumulative contribution too. The roll-up of `counted_from` computes it from all
    earlier facts, later ones carry it forward. Late jumps are kept from then on; of a series that is older than they are, from
    `late_from`.
    """

    id = models.SmallAutoField(primary_key=True)
    metric = models.CharField(_("metric"), max_length=30, choices=Metric)
    currency = models.ForeignKey(
        PointCurrency, null=True, blank=True, on_delete=models.PROTECT, verbose_name=_("point currency")
    )
    selection = ArrayField(models.CharField(max_length=40), default=list, blank=True, verbose_name=_("selection"))
    counted_from = models.DateField(
        _("counted from"), db_default=models.Func(function="bank_booking_date", output_field=models.DateField())
    )
    late_from = models.DateField(_("late facts kept apart from"), null=True, blank=True)

    class Meta:
        verbose_name = _("series")
        verbose_name_plural = _("series")
        constraints = [
            models.UniqueConstraint(
                fields=["metric", "currency", "selection"], nulls_distinct=False, name="one_series_per_quantity"
            ),
            models.CheckConstraint(
                condition=~Q(metric__in=["tenure", "credit_grade", "risk_grade", "cumulative_contribution"]),
                name="series_of_what_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(metric="growth_points", currency__isnull=False)
                | (~Q(metric="growth_points") & Q(currency__isnull=True)),
                name="growth_series_has_its_currency",
            ),
        ]

    def __str__(self) -> str:
        return self.get_metric_display()


class Condition(models.Model):
    """One minimum that a tier asks for. A tier is satisfied by any of its groups; a group by all of its conditions.

    Minima are in the metric's unit: points, minor units of money, transactions, products, months, grades. One that `excludes` is of no
    group: whoever reaches its minimum can hold neither the tier nor a higher one, whatever else. Of a calendar year the window
    begins on 1 January, of a membership year on the last anniversary of joining.
    """

    class Window(models.TextChoices):
        MONTHS = "months", _("months")
        DAYS = "days", _("days")
        YEAR = "year", _("calendar year")
        MEMBERSHIP_YEAR = "membership_year", _("membership year")
        NONE = "", _("none")

    rule_book = models.ForeignKey(
        RuleBook, on_delete=models.CASCADE, related_name="conditions", verbose_name=_("rule book")
    )
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+", verbose_name=_("tier"))
    group = models.PositiveSmallIntegerField(_("group"))
    metric = models.CharField(_("metric"), max_length=30, choices=Metric)
    series = models.ForeignKey(
        Series, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("series")
    )
    window = models.CharField(_("window"), max_length=15, choices=Window, blank=True)
    window_length = models.PositiveSmallIntegerField(_("window length"), null=True, blank=True)
    enter_minimum = models.BigIntegerField(_("minimum to enter"))
    keep_minimum = models.BigIntegerField(_("minimum to keep"))
    excludes = models.BooleanField(_("excludes"), default=False)

    class Meta:
        verbose_name = _("condition")
        verbose_name_plural = _("conditions")
        constraints = [
            models.CheckConstraint(
                condition=Q(keep_minimum__lte=F("enter_minimum")), name="keeping_asks_no_more_than_entering"
            ),
            models.CheckConstraint(
                condition=Q(window__in=["", "year", "membership_year"], window_length__isnull=True)
                | Q(window__in=["months", "days"], window_length__isnull=False, window_length__gt=0),
                name="window_has_its_length",
            ),
            models.CheckConstraint(
                condition=Q(metric__in=["tenure", "credit_grade", "risk_grade"], series__isnull=True)
                | (~Q(metric__in=["tenure", "credit_grade", "risk_grade"]) & Q(series__isnull=False)),
                name="condition_has_its_series",
            ),
            models.CheckConstraint(
                condition=Q(metric="risk_grade", excludes=True, keep_minimum=F("enter_minimum"))
                | (~Q(metric="risk_grade") & Q(excludes=False)),
                name="risk_grade_excludes_and_nothing_else_does",
            ),
        ]


class Decision(models.Model):
    """Why a member's standing changed as of a date: every measured figure, the rule book it was held against, the run.

    Written once; `figures` has each measure's exact value (see tiers.compiling). The last up to a day is its standing, else standard.
    """

    class Outcome(models.TextChoices):
        UPGRADED = "upgraded", _("upgraded")
        RENEWED = "renewed", _("renewed")
        GRACE = "grace", _("in grace")
        DOWNGRADED = "downgraded", _("downgraded")
        INVITED = "invited", _("invited")
        OVERRIDDEN = "overridden", _("set by hand")
        FROZEN = "frozen", _("given back by a freeze")

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="decisions", db_index=False, verbose_name=_("member")
    )
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("loyalty programme")
    )
    as_of = models.DateField(_("as of"))
    from_tier = models.ForeignKey(
        Tier, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("from")
    )
    to_tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("to"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    grace_until = models.DateField(_("grace until"), null=True, blank=True)
    figures = models.JSONField(_("figures"))
    rule_book = models.ForeignKey(
        RuleBook, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("rule book")
    )
    run = models.ForeignKey(
        JobRun, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("job run")
    )
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        constraints = [
            models.UniqueConstraint(fields=["member", "programme", "as_of"], name="one_decision_per_member_and_date"),
            models.CheckConstraint(
                condition=Q(outcome="grace", grace_until__isnull=False)
                | (~Q(outcome="grace") & Q(grace_until__isnull=True)),
                name="grace_has_its_end",
            ),
        ]


class Standing(models.Model):
    """A member's present tier in a programme, by the decision as of `decided_on`; no row means standard since joining."""

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="standings", db_index=False, verbose_name=_("member")
    )
    programme = models.ForeignKey(
        Programme, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("loyalty programme")
    )
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("tier"))
    since = models.DateField(_("since"))
    decided_on = models.DateField(_("decided on"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    grace_until = models.DateField(_("grace until"), null=True, blank=True)
    decision = models.ForeignKey(
        Decision, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("decision")
    )

    class Meta:
        verbose_name = _("standing")
        verbose_name_plural = _("standings")
        constraints = [models.UniqueConstraint(fields=["member", "programme"], name="one_standing_per_programme")]


class RunningTotal(models.Model):
    """A member's running total of a series, one row per day on which something changed (a hot table; docs/adr/0003).

    The total through the end of day D is, by the last row with day <= D: total + level × (D − day + 1). For assets `level` is
    the balance from `day` on and `total` the sum of the day balances before `day`; for counted things `level` is 0 and `total`
    includes `day`. A window's figure is the difference of two totals. `first_day` is the series' first day for the member.
    """

    pk = models.CompositePrimaryKey("member_id", "series_id", "day")
    member_id = models.BigIntegerField(_("member"))
    series_id = models.SmallIntegerField(_("series"))
    day = models.DateField(_("day"))
    first_day = models.DateField(_("first day"))
    level = models.BigIntegerField(_("level"), db_default=0)
    total = models.BigIntegerField(_("total"))

    class Meta:
        verbose_name = _("running total")
        verbose_name_plural = _("running totals")


class LateJump(models.Model):
    """By how much a roll-up changed a member's series from a day before its business date on (a hot table; docs/adr/0012).

    What a running total was by the facts booked by D is the total of today less the late jumps booked after D. `first_day` is the
    first day that an average had counted from until then, where the roll-up changed it; `booked_on` where it had none.
    """

    pk = models.CompositePrimaryKey("member_id", "series_id", "day", "booked_on")
    member_id = models.BigIntegerField(_("member"))
    series_id = models.SmallIntegerField(_("series"))
    day = models.DateField(_("day"))
    booked_on = models.DateField(_("booked on"))
    change = models.BigIntegerField(_("change"))
    first_day = models.DateField(_("first day before"), null=True)

    class Meta:
        verbose_name = _("late jump")
        verbose_name_plural = _("late jumps")
        constraints = [
            models.CheckConstraint(condition=Q(day__lt=F("booked_on")), name="late_jump_is_booked_after_its_day")
        ]


class RolledUp(models.Model):
    """A range of members whose facts booked on a business date stand in their running totals; the constraint keeps it to once."""

    business_date = models.DateField(_("business date"))
    members = BigIntegerRangeField(_("members"))

    class Meta:
        verbose_name = _("roll-up")
        verbose_name_plural = _("roll-ups")
        constraints = [
            ExclusionConstraint(
                name="members_rolled_up_once_per_business_date",
                expressions=[("business_date", RangeOperators.EQUAL), ("members", RangeOperators.OVERLAPS)],
            )
        ]
