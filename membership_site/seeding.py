"""Seeding a generated bank to show and to measure with: fictional people, and facts made by set-based SQL.

The same number of members, seed and day give the same bank. Nothing here is real, and production refuses it.
"""

import base64
import dataclasses
import datetime
import hmac
import random
import tomllib
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Min
from django.utils.translation import gettext_lazy as _

from activity.models import Activity, Source
from foundation.access.models import Branch, Role, StaffPosting, SystemClient, User
from foundation.access.scopes import OF_MEMBERS
from foundation.actors import Actor
from foundation.approvals.models import Request
from foundation.jobs import statistics
from foundation.jobs.models import Bank
from foundation.periods import add_months, day_of
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import commit, in_transaction
from members import caring, enrolling, taking_facts
from members.facts import FACTS as KNOWABLE
from members.models import Assignment, Member
from members.reports import AccountReport, MemberReport
from members.taking_facts import FactReport
from membership_site import configuring
from points import correcting
from points.models import PointCurrency
from tiers.models import Standing

BATCH_MEMBERS = 10_000
HISTORY_MONTHS = 14
FIRST_NUMBER = 88_000_001
GENERATED = "generated"
DEMO_BANK = Path(__file__).parent / "demo_bank.toml"
FACTS = ("seed_activities", "seed_snapshots", "seed_holdings")
# What a demonstration has besides; measured banks keep to FACTS.
SHOWN = (*FACTS, "seed_reversals", "seed_consents")

SURNAMES = "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高罗郑梁谢宋唐许邓冯韩曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任沈"
COMPOUND_SURNAMES = ("欧阳", "司徒", "上官", "诸葛")
GIVEN_NAMES = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰慧建文俊宇浩然子轩梓涵思远嘉怡若曦安雅晨逸"
ENGLISH_GIVEN = (
    "Grace",
    "Oliver",
    "Amelia",
    "Henry",
    "Isla",
    "Samuel",
    "Chloe",
    "Daniel",
    "Ruby",
    "Thomas",
    "Elena",
    "Marcus",
)
ENGLISH_SURNAMES = (
    "Hartley",
    "Okafor",
    "Lindqvist",
    "Moreau",
    "Castellan",
    "Bright",
    "Novak",
    "Ferreira",
    "Ashdown",
    "Keller",
)


class NotForProduction(Refusal):
    code = "not_for_production"
    sentence = _("A generated bank is for demonstration and measuring only.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Login:
    """Someone who may sign in to the demonstration: staff by role and branch, a member by how active he is in that branch."""

    username: str
    role: str = ""
    branch_code: str = "101"
    percentile: float = 0


LOGINS = (
    Login(username="teller", role=Role.TELLER, branch_code="101"),
    Login(username="supervisor", role=Role.BRANCH_MANAGER, branch_code="101"),
    Login(username="manager", role=Role.PROGRAMME_MANAGER, branch_code="000"),
    Login(username="compliance", role=Role.COMPLIANCE, branch_code="000"),
    Login(username="finance", role=Role.FINANCE, branch_code="000"),
    Login(username="ops", role=Role.IT, branch_code="000"),
    Login(username="advisor", role=Role.RELATIONSHIP_MANAGER, branch_code="101"),
    Login(username="advisor2", role=Role.RELATIONSHIP_MANAGER, branch_code="101"),
    Login(username="service", role=Role.CUSTOMER_SERVICE, branch_code="000"),
    Login(username="marketing", role=Role.MARKETING, branch_code="000"),
    Login(username="analyst", role=Role.ANALYST, branch_code="000"),
    Login(username="auditor", role=Role.AUDITOR, branch_code="000"),
    Login(username="member1", percentile=0.5),
    Login(username="member2", percentile=0.93),
    Login(username="member3", percentile=0.995),
)
SYSTEM_CLIENT = "core-banking"
# Of so many members at most facts are generated: each is sealed by itself.
MOST_KNOWN = 5_000
TOLD = (
    "address", "education", "family_status", "employer", "post", "income_band", "risk_appetite", "horizon", "interests",
    "preferred_channel",
)  # fmt: skip
INVENTED = {
    "address": ("海港路 1 号", "云栖里 23 号", "3 Harbour Road", "Lane 88, Cloud Street"),
    "employer": ("远帆贸易", "海港船务", "Ashdown & Keller", "Northwind Mills"),
    "post": ("会计", "工程师", "教师", "Manager", "Clerk"),
}
# An app of the members, as a demonstration has it; nothing answers at its first address: the code is read off the browser.
APP_CLIENT = "member-app"
VIPS = 200
ASKED_FOR = (
    (500, "柜台排队过久补偿 Goodwill: an hour in the queue"),
    (1_200, "补记活动奖励 Campaign reward that was missing"),
    (60_000, "投诉 4711 处理结果 Settled complaint 4711"),
)


def secret_of(name: str) -> str:
    """Return the demonstration's password or client secret of `name`: its own in every installation, and the same each time."""
    return hmac.digest(settings.SECRET_KEY.encode(), f"demo {name}".encode(), "sha256").hex()[:16]


def app_secret_of(name: str) -> str:
    """Return the secret of the authenticator app of one of the demonstration's staff."""
    made = hmac.digest(settings.SECRET_KEY.encode(), f"demo app {name}".encode(), "sha256")
    return base64.b32encode(made[:20]).decode()


def is_seeded() -> bool:
    """Tell whether a bank stands in the database already; one whose seeding was broken off does not."""
    begun = Source.objects.filter(code=GENERATED).exists()
    return Bank.objects.exists() and (not begun or SystemClient.objects.filter(client_id=SYSTEM_CLIENT).exists())


def seed(
    *, members: int, nights: int, seed: int, today: datetime.date, at: datetime.datetime, actor: Actor
) -> Iterator[tuple[str, int]]:
    """Seed a bank of `members` whose first business date lies `nights` back; yield each step's name and count as it lands.

    Each batch commits by itself and may be repeated: a seeding that was broken off is taken up where it stands. Refuses in production.
    """
    bounds = found(nights=nights, seed=seed, today=today, at=at, actor=actor)
    yield "configured", 1
    branches = [branch.code for branch in Branch.objects.filter(children__isnull=True).order_by("code")]
    for start in range(0, members, BATCH_MEMBERS):
        numbers = range(start, min(start + BATCH_MEMBERS, members))
        batch = list(people(numbers, branches=branches, seed=seed, today=today))
        commit(enrolling.enrol, batch=batch, at=at, actor=actor)
        yield "members", len(batch)
    statistics.refresh()
    enrolled = Member.objects.aggregate(first=Min("pk"), last=Max("pk"))
    for start in range(enrolled["first"], enrolled["last"] + 1, BATCH_MEMBERS):
        for name in SHOWN:
            yield name, commit(generate, name=name, bounds=bounds, first=start, last=start + BATCH_MEMBERS - 1)
        known = min(start + BATCH_MEMBERS, enrolled["first"] + MOST_KNOWN) - 1
        yield "facts", commit(know, first=start, last=known, seed=seed, today=today, at=at, actor=actor)
    statistics.refresh()
    # Loaded last and by file alone: they are invited, and have done nothing yet.
    invited = list(people(range(members, members + 5 + members // 100), branches=branches, seed=seed, today=today))
    commit(enrolling.enrol, batch=invited, at=at, actor=actor)
    yield "invited", len(invited)
    commit(_open_logins, today=today)
    yield "logins", len(LOGINS)


def found(
    *,
    nights: int,
    seed: int,
    today: datetime.date,
    at: datetime.datetime,
    actor: Actor,
    monthly: float = 2.5,
    snapshot_days: int = 30,
    programmes: Path = DEMO_BANK,
) -> dict[str, object]:
    """Configure the demonstration's bank, its programmes those of the file `programmes`; return what the generators of facts take.

    `monthly` is the activities a month of an ordinary member, `snapshot_days` the days between two balances of an account.
    """
    if settings.PRODUCTION:
        raise NotForProduction
    first_booking = today - datetime.timedelta(days=nights)
    bank, other = (
        tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal) for file in (DEMO_BANK, programmes)
    )
    document = bank | {"programmes": other["programmes"]}
    commit(configuring.configure, document=document, at=at, actor=actor, first_business_date=first_booking)
    return {
        "seed": seed,
        "start": add_months(today, -HISTORY_MONTHS),
        "until": today - datetime.timedelta(days=1),
        "source": Source.objects.get_or_create(code=GENERATED)[0].pk,
        "first_booking": first_booking,
        "monthly": monthly,
        "snapshot_days": snapshot_days,
        "zone": settings.TIME_ZONE,
        "currency": "CNY",
    }


@in_transaction
def generate(*, name: str, bounds: dict[str, object], first: int, last: int) -> int:
    """Run one of the generators SHOWN over a range of members; return the rows made."""
    with connection.cursor() as cursor:
        cursor.execute(statement("membership_site", name), bounds | {"first": first, "last": last})
        return cursor.rowcount


@in_transaction
def know(*, first: int, last: int, seed: int, today: datetime.date, at: datetime.datetime, actor: Actor) -> int:
    """Let the core bank report facts of two in three members of a range, told within the last four years; return how many were kept.

    Some files fall due for review within the weeks around today.
    """
    reports: list[FactReport] = []
    for pk, number in Member.objects.numbered(first, last).order_by("pk").values_list("pk", "number"):
        dice = random.Random(seed * 1_000_003 + pk)  # noqa: S311  (a generated bank needs repeatable dice, not secret ones)
        for code in TOLD if dice.random() < 0.66 else ():
            fact, told_on = KNOWABLE[code], today - datetime.timedelta(days=dice.randint(0, 1_400))
            value = dice.choice(INVENTED.get(code) or list(fact.choices))
            if dice.random() < 0.85:
                reports.append(FactReport(member_number=number, fact=code, value=value, told_on=told_on))
    outcomes = taking_facts.take(reports, today=today, at=at, actor=actor)
    with connection.cursor() as cursor:
        cursor.execute(statement("membership_site", "seed_reviews"), {"first": first, "last": last, "today": today})
    return outcomes.count("recorded")


def people(numbers: range, *, branches: list[str], seed: int, today: datetime.date) -> Iterator[MemberReport]:
    """Yield a fictional member for each number: a Chinese or an English name, a phone that nobody has, one to three accounts."""
    for number in numbers:
        dice = random.Random(seed * 1_000_003 + number)  # noqa: S311  (a generated bank needs repeatable dice, not secret ones)
        joined_on = today - datetime.timedelta(days=dice.randint(20, 3650))
        member_number = f"{FIRST_NUMBER + number}"
        if dice.random() < 0.85:
            surname = dice.choice(COMPOUND_SURNAMES) if dice.random() < 0.03 else dice.choice(SURNAMES)
            full_name = surname + "".join(dice.choices(GIVEN_NAMES, k=dice.choice((1, 2, 2))))
        else:
            full_name = f"{dice.choice(ENGLISH_GIVEN)} {dice.choice(ENGLISH_SURNAMES)}"
        classes = ["deposit"] + [kind for kind, share in (("wealth", 0.35), ("card", 0.6)) if dice.random() < share]
        yield MemberReport(
            number=member_number,
            branch_code=dice.choice(branches),
            joined_on=joined_on,
            full_name=full_name,
            # No network hands out numbers that begin with 100 and go on for eleven digits.
            phone=f"100{number:08d}",
            email=f"member{number + 1}@example.com",
            birth_date=datetime.date(dice.randint(1945, 2006), dice.randint(1, 12), dice.randint(1, 28)),
            gender=dice.choice(("female", "male")),
            accounts=tuple(
                AccountReport(number=f"62{number:09d}{place}", account_class=kind, opened_on=joined_on)
                for place, kind in enumerate(classes)
            ),
        )


def _member_at(percentile: float, branch_code: str) -> int:
    """Return the member of a branch who is more active than the share `percentile` of its members."""
    members = Member.objects.joined().filter(branch__code=branch_code).values_list("pk", flat=True)
    counts = (
        Activity.objects.filter(member_id__in=members).values("member_id").annotate(activities=Count("external_id"))
    )
    ranked = [row["member_id"] for row in counts.order_by("activities", "member_id")]
    return ranked[int(percentile * len(ranked))]


@in_transaction
def _open_logins(*, today: datetime.date) -> None:
    """Give the demonstration's people their sign-in, staff their postings, and the core bank its client of the API."""
    for login in LOGINS:
        user, new = User.objects.get_or_create(
            username=login.username, defaults={"is_staff": bool(login.role), "full_name": login.username.title()}
        )
        if new:
            user.set_password(secret_of(login.username))
            user.employee_number = f"E-{login.username}" if login.role else None
            user.save(update_fields=["password", "employee_number"])
            if user.is_staff:
                TOTP.activate(user, app_secret_of(login.username))
        if login.role:
            branch = Branch.objects.get(code=login.branch_code)
            StaffPosting.objects.get_or_create(
                user=user, branch=branch, role=login.role, starts_on=today - datetime.timedelta(days=365)
            )
        elif not Member.objects.filter(user=user).exists():
            Member.objects.filter(pk=_member_at(login.percentile, login.branch_code), user=None).update(user=user)
    SystemClient.objects.get_or_create(
        client_id=SYSTEM_CLIENT,
        defaults={
            "name": "Core banking",
            "client_type": SystemClient.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": SystemClient.GRANT_CLIENT_CREDENTIALS,
            "client_secret": secret_of(SYSTEM_CLIENT),
            "scopes": ["activities:write", "facts:write", "members:read", "redemptions:write"],
        },
    )
    SystemClient.objects.get_or_create(
        client_id=APP_CLIENT,
        defaults={
            "name": "Member app",
            "client_type": SystemClient.CLIENT_PUBLIC,
            "authorization_grant_type": SystemClient.GRANT_AUTHORIZATION_CODE,
            "client_secret": "",
            "redirect_uris": "http://127.0.0.1:8765/back com.example.membership:/back",
            "scopes": list(OF_MEMBERS),
        },
    )


@in_transaction
def assign_managers(*, at: datetime.datetime) -> int:
    """Let the advisor look after the members of her branch who hold a tier, the first of them, unless anybody looks after anybody."""
    advisor = User.objects.filter(username="advisor").first()
    holding = Standing.objects.filter(tier__rank__gt=0, member__branch__code="101")
    first = holding.order_by("member").values_list("member", flat=True).distinct()[:VIPS]
    members = Member.objects.filter(status=Member.Status.ACTIVE, pk__in=list(first))
    if advisor is None or Assignment.objects.exists() or not members.exists():
        return 0
    return caring.assign(
        members=members,
        manager=advisor,
        starts_on=day_of(at),
        reason="Demonstration",
        actor=Actor.job("seed_demo"),
        at=at,
    )


@in_transaction
def ask_for_corrections(*, at: datetime.datetime) -> int:
    """Let the teller ask for three corrections, unless anything was ever asked for, so that the inbox has something to show."""
    teller = User.objects.filter(username="teller").first()
    if teller is None or Request.objects.exists():
        return 0
    members = Member.objects.filter(branch__code="101", status=Member.Status.ACTIVE).order_by("number")[
        : len(ASKED_FOR)
    ]
    currency = PointCurrency.objects.filter(kind=PointCurrency.Kind.REWARD).earliest("id")
    for member, (points, reason) in zip(members, ASKED_FOR, strict=False):
        correcting.ask_by_hand(
            id=uuid.uuid4(),
            member=member,
            currency=currency,
            points=points,
            reason=reason,
            expires_on=None,
            actor=Actor(user=teller),
            at=at,
        )
    return len(members)
