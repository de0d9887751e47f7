"""A small cast to test with: a bank with an open business date, branches, users, members, accounts, point currencies."""

import datetime

import factory
from factory.django import DjangoModelFactory

from foundation.access.models import Branch, Role, StaffPosting, User
from foundation.jobs.models import Bank, BusinessDate
from members.models import Account, Member
from points.models import PointCurrency

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
    """A member of staff, without a posting yet."""

    is_staff = True
    employee_number = factory.Sequence(lambda n: f"E{n:05}")


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


class AccountFactory(DjangoModelFactory):
    class Meta:
        model = Account

    member = factory.SubFactory(MemberFactory)
    number = factory.Sequence(lambda n: f"A{n:010}")
    account_class = "deposit"
    opened_on = datetime.date(2024, 1, 15)


class PointCurrencyFactory(DjangoModelFactory):
    """Reward points that lapse at the end of the 12th month; `growth=True` makes growth points."""

    class Meta:
        model = PointCurrency
        django_get_or_create = ["code"]

    class Params:
        growth = factory.Trait(code="growth", kind="growth", names=names("Growth", "成长值"), expiry_months=None)

    code = "points"
    kind = "reward"
    names = names("Points", "积分")
    expiry_months = 12
