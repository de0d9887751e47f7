"""A small cast to test with: a bank with an open business date, branches, users, members, accounts, point currencies."""

import datetime

import factory
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from factory.django import DjangoModelFactory

from activity.models import Activity, Source
from campaigns.models import EarningRule, EarningRuleVersion
from foundation.access.models import Branch, Role, StaffPosting, User
from foundation.jobs.models import Bank, BusinessDate
from members.models import Account, ConsentText, Member
from points.models import PointCurrency
from tiers.models import Condition, Decision, Programme, RuleBook, Series, Tier, TierTerms

PASSWORD = "correct-horse-battery"
FIRST_BUSINESS_DATE = datetime.date(2026, 3, 2)


def names(english: str, chinese: str | None = None) -> dict[str, str]:
    """Return a name in the bank's three languages."""
    return {"en": english, "zh-hans": chinese or english, "zh-hant": chinese or english}


class BusinessDateFactory(DjangoModelFactory):
    class Meta:
        model = BusinessDate

    date = FIRST_BUSINESS_DATE


class BankFactory(DjangoModelFactory):
    """The bank, and its first business date open."""

    class Meta:
        model = Bank
        django_get_or_create = ["id"]
        skip_postgeneration_save = True

    id = 1
    name = "Harbour Bank"
    first_business_date = FIRST_BUSINESS_DATE

    @factory.post_generation
    def business_date(self: Bank, create: bool, extracted: datetime.date | None, **kwargs: object) -> None:
        BusinessDate.objects.get_or_create(status="open", defaults={"date": extracted or self.first_business_date})


class BranchFactory(DjangoModelFactory):
    class Meta:
        model = Branch

    code = factory.Sequence(lambda n: f"B{n:03}")
    names = factory.LazyAttribute(lambda branch: names(f"Branch {branch.code}", f"分行 {branch.code}"))
    parent = None
    path = factory.Sequence(lambda n: f"new-{n}/")

    @classmethod
    def _create(cls, model_class: type[Branch], *args: object, **kwargs: object) -> Branch:
        branch = super()._create(model_class, *args, **kwargs)
        branch.path = f"{branch.parent.path if branch.parent else ''}{branch.pk}/"
        branch.save(update_fields=["path"])
        return branch


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    full_name = factory.Faker("name")
    password = factory.django.Password(PASSWORD)


class StaffFactory(UserFactory):
    """A member of staff with an authenticator app (`factor`), without a posting yet."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    is_staff = True
    employee_number = factory.Sequence(lambda n: f"E{n:05}")

    @factory.post_generation
    def factor(self: User, create: bool, extracted: bool | None, **kwargs: object) -> None:
        if create and extracted is not False:
            TOTP.activate(self, generate_totp_secret())


class StaffPostingFactory(DjangoModelFactory):
    class Meta:
        model = StaffPosting

    user = factory.SubFactory(StaffFactory)
    branch = factory.SubFactory(BranchFactory)
    role = Role.TELLER
    starts_on = datetime.date(2020, 1, 1)


class MemberFactory(DjangoModelFactory):
    class Meta:
        model = Member

    number = factory.Sequence(lambda n: f"M{n:08}")
    branch = factory.SubFactory(BranchFactory)
    joined_on = datetime.date(2024, 1, 15)
    accepted_at = datetime.datetime(2024, 1, 15, 4, tzinfo=datetime.UTC)

    class Params:
        invited = factory.Trait(accepted_at=None)


class ConsentTextFactory(DjangoModelFactory):
    """Version 1 of the membership terms, in force since 2020."""

    class Meta:
        model = ConsentText

    purpose = "terms"
    version = 1
    titles = factory.LazyAttribute(lambda text: names(f"{text.purpose} {text.version}"))
    texts = factory.LazyAttribute(lambda text: names(f"What {text.purpose} {text.version} says."))
    in_force_from = datetime.date(2020, 1, 1)


class AccountFactory(DjangoModelFactory):
    class Meta:
        model = Account

    member = factory.SubFactory(MemberFactory)
    number = factory.Sequence(lambda n: f"A{n:010}")
    account_class = "deposit"
    opened_on = datetime.date(2024, 1, 15)


class PointCurrencyFactory(DjangoModelFactory):
    """Reward points that lapse at the end of the 12th month, or never without months; `growth=True` makes growth points."""

    class Meta:
        model = PointCurrency
        django_get_or_create = ["code"]

    class Params:
        growth = factory.Trait(code="growth", kind="growth", names=names("Growth", "成长值"), expiry_months=None)

    code = "points"
    kind = "reward"
    names = names("Points", "积分")
    expiry_months = 12
    expiry_policy = factory.LazyAttribute(lambda currency: "months" if currency.expiry_months else "never")


class ProgrammeFactory(DjangoModelFactory):
    """The bank's main programme, with standard, silver and gold."""

    class Meta:
        model = Programme
        skip_postgeneration_save = True

    code = "loyalty"
    names = factory.LazyAttribute(lambda programme: names(programme.code.capitalize()))
    is_main = True

    @factory.post_generation
    def tiers(self: Programme, create: bool, extracted: list[str] | None, **kwargs: object) -> None:
        for rank, code in enumerate(extracted or ["standard", "silver", "gold"]):
            Tier.objects.create(programme=self, rank=rank, code=code, names=names(code.capitalize()))


class RuleBookFactory(DjangoModelFactory):
    """Rule book 1; `multipliers` gives terms, by tier code."""

    class Meta:
        model = RuleBook
        skip_postgeneration_save = True

    programme = factory.SubFactory(ProgrammeFactory)
    number = 1
    in_force_from = datetime.date(2020, 1, 1)
    validity_months = None
    created_at = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)

    @factory.post_generation
    def multipliers(self: RuleBook, create: bool, extracted: dict[str, object] | None, **kwargs: object) -> None:
        for code, multiplier in (extracted or {}).items():
            TierTerms.objects.create(rule_book=self, tier=self.programme.tiers.get(code=code), multiplier=multiplier)


class SeriesFactory(DjangoModelFactory):
    """Average daily assets of the usual classes; `growth=True` makes the growth points'."""

    class Meta:
        model = Series
        django_get_or_create = ["metric", "currency", "selection"]

    class Params:
        growth = factory.Trait(metric="growth_points", currency=factory.SubFactory(PointCurrencyFactory, growth=True))

    metric = "average_assets"
    currency = None
    selection = []


class ConditionFactory(DjangoModelFactory):
    """Tenure of a year, unless told otherwise; `keep_minimum` is the minimum to enter."""

    class Meta:
        model = Condition

    rule_book = factory.SubFactory(RuleBookFactory)
    tier = factory.LazyAttribute(lambda condition: condition.rule_book.programme.tiers.get(rank=1))
    group = 1
    metric = factory.LazyAttribute(lambda condition: condition.series.metric if condition.series else "tenure")
    series = None
    window = ""
    window_length = None
    enter_minimum = 12
    keep_minimum = factory.SelfAttribute("enter_minimum")


class SourceFactory(DjangoModelFactory):
    class Meta:
        model = Source
        django_get_or_create = ["code"]

    code = "core"


class ActivityFactory(DjangoModelFactory):
    """A card payment of ¥100.00 at noon of `occurred_on`, booked on it or the first business date if later."""

    class Meta:
        model = Activity
        exclude = ["source", "member"]

    member = factory.SubFactory(MemberFactory)
    member_id = factory.LazyAttribute(lambda activity: activity.member.pk)
    source = factory.SubFactory(SourceFactory)
    source_id = factory.LazyAttribute(lambda activity: activity.source.pk)
    external_id = factory.Sequence(lambda n: f"T{n}")
    direction = "debit"
    kind = "card_spend"
    amount_minor = 100_00
    currency = "CNY"
    occurred_on = FIRST_BUSINESS_DATE
    occurred_at = factory.LazyAttribute(
        lambda activity: datetime.datetime.combine(activity.occurred_on, datetime.time(4), datetime.UTC)
    )
    booked_on = factory.LazyAttribute(lambda activity: max(activity.occurred_on, FIRST_BUSINESS_DATE))


class EarningRuleFactory(DjangoModelFactory):
    class Meta:
        model = EarningRule

    code = factory.Sequence(lambda n: f"rule-{n}")
    names = names("Spending", "消费")


class EarningRuleVersionFactory(DjangoModelFactory):
    """Version 1 of a rule: one reward point per unit of money, for everything, since 2020."""

    class Meta:
        model = EarningRuleVersion
        skip_postgeneration_save = True

    rule = factory.SubFactory(EarningRuleFactory)
    number = 1
    in_force_from = datetime.date(2020, 1, 1)
    reward_currency = factory.SubFactory(PointCurrencyFactory)
    reward_rate = 1
    created_at = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)

    @factory.post_generation
    def programmes(self: EarningRuleVersion, create: bool, extracted: list | None, **kwargs: object) -> None:
        if extracted:
            self.programmes.add(*extracted)


class DecisionFactory(DjangoModelFactory):
    """A decision that takes a member to the tier `tier` of a programme (the only one), under rule book 1."""

    class Meta:
        model = Decision
        exclude = ["tier"]

    tier = "gold"
    programme = factory.LazyAttribute(lambda decision: Programme.objects.get())
    as_of = FIRST_BUSINESS_DATE
    from_tier = factory.LazyAttribute(lambda decision: decision.programme.tiers.get(rank=0))
    to_tier = factory.LazyAttribute(lambda decision: decision.programme.tiers.get(code=decision.tier))
    outcome = "upgraded"
    figures = {}
    rule_book = factory.LazyAttribute(lambda decision: decision.programme.rule_books.get(number=1))
