"""Zhao, a member with everything that can be personal about him, at a bank that opened on MONDAY; and compliance's two people."""

import datetime

from django.db import connection

from foundation.access.models import Branch, Role, User
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.approvals.models import Request
from members.models import Member, Person
from members.sealing import PersonalData, seal_person
from points import ledger
from points.models import PointCurrency, Purse
from tests.console.conftest import posted
from tests.factories import BankFactory, BranchFactory, MemberFactory, PointCurrencyFactory, UserFactory
from tests.points.cast import MONDAY, NOON, asked

ZHAO = PersonalData(
    full_name="赵国强",
    pinyin="zhao guo qiang",
    phone="13911112222",
    national_id="110101199003077758",
    email="guoqiang.zhao@example.org",
    birth_date=datetime.date(1990, 3, 7),
)
JOB = Actor.job("test")
TODAY = MONDAY


def open_house() -> tuple[Member, PointCurrency]:
    """Open the bank with one branch, Zhao and the reward currency."""
    BankFactory()
    currency = PointCurrencyFactory()
    branch = BranchFactory(code="000")
    return zhao(branch), currency


def zhao(branch: Branch, **fields: object) -> Member:
    """Return a member with Zhao's data and a sign-in of his own."""
    fields = {"number": "C00000007"} | fields
    if "user" not in fields:
        fields["user"] = UserFactory(username="zhao.guoqiang", full_name="赵国强")
    member = MemberFactory(branch=branch, **fields)
    Person.objects.filter(member=member).delete()
    seal_person(member.pk, ZHAO).save()
    return member


def earn(member: Member, currency: PointCurrency, points: int) -> None:
    """Post points to a member, without end."""
    [answer] = ledger.post([asked(member, currency, points)], actor=JOB)
    assert answer.outcome == "posted"


def available(member: Member) -> int:
    return sum(Purse.objects.filter(member_id=member.pk).values_list("available", flat=True))


def officer(branch: Branch, role: Role = Role.COMPLIANCE) -> User:
    """Return a member of staff of compliance, or another role, whose request acts at NOON of MONDAY."""
    user = posted(role, branch)
    user.acts_at = NOON
    return user


def approve(made: Request, user: User, *, at: datetime.datetime = NOON) -> None:
    """Approve a request as this user."""
    deciding.approve(request_id=made.pk, seen_hash=made.payload_hash, actor=Actor(user=user), at=at)


def traces(parts) -> list[tuple[str, str]]:
    """Return where in the whole database one of the texts stands: table and text."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_class c"
            " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
        )
        for [table] in cursor.fetchall():
            for part in parts:
                cursor.execute(f"SELECT EXISTS (SELECT FROM {table} t WHERE strpos(t::text, %s) > 0)", [part])
                if cursor.fetchone()[0]:
                    found.append((table, part))
    return found
