"""Wang at Lujiazui in a programme that asks for products held: silver 1, gold 2, platinum 3; Lin asks, Mo decides, Qian over all."""

import dataclasses
import datetime
import uuid
from typing import Any

from foundation.access.models import Branch, Role, User
from foundation.actors import Actor
from foundation.approvals.models import Decision as Approval
from foundation.approvals.models import Request
from foundation.jobs.models import BusinessDate
from members.models import Member, Person
from tests.approvals.cast import approve, posted
from tests.factories import (
    BankFactory,
    BranchFactory,
    ConditionFactory,
    MemberFactory,
    PointCurrencyFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
)
from tiers import protection_requests, reviewing, standings
from tiers.models import Decision, Programme, Protection, RuleBook, RunningTotal

MONDAY = datetime.date(2026, 3, 2)
DAY = datetime.timedelta(days=1)
NIGHT = Actor.job("close_day")
TIERS = ["standard", "silver", "gold", "platinum"]


@dataclasses.dataclass(frozen=True)
class Cast:
    """Lin, teller of Lujiazui, asks; Mo, branch manager of Pudong, decides on one tier up; Qian, programme manager, on any."""

    lujiazui: Branch
    harbour: Branch
    wang: Member
    programme: Programme
    book: RuleBook
    lin: User
    mo: User
    qian: User


def assemble(**terms: Any) -> Cast:
    """Open the bank on MONDAY with its people, and rule book 1 of these terms."""
    BankFactory()
    PointCurrencyFactory()
    head_office = BranchFactory(code="000")
    pudong, harbour = BranchFactory(code="100", parent=head_office), BranchFactory(code="200", parent=head_office)
    lujiazui = BranchFactory(code="101", parent=pudong)
    wang = MemberFactory(number="A-WANG", branch=lujiazui)
    Person.objects.create(member=wang, sealed=b"", masked_name="王*")
    programme = ProgrammeFactory(tiers=TIERS)
    return Cast(
        lujiazui=lujiazui,
        harbour=harbour,
        wang=wang,
        programme=programme,
        book=book_of(programme, **terms),
        lin=posted(Role.TELLER, lujiazui, employee_number="E-LIN"),
        mo=posted(Role.BRANCH_MANAGER, pudong, employee_number="E-MO"),
        qian=posted(Role.PROGRAMME_MANAGER, head_office, employee_number="E-QIAN"),
    )


def book_of(programme: Programme, **terms: Any) -> RuleBook:
    """Return a rule book of the programme whose n-th tier asks for n products held."""
    book = RuleBookFactory(programme=programme, **terms)
    for tier in programme.tiers.filter(rank__gt=0):
        ConditionFactory(
            rule_book=book, tier=tier, series=SeriesFactory(metric="products_held"), enter_minimum=tier.rank
        )
    return book


def hold(member: Member, products: int, *, since: datetime.date = MONDAY) -> None:
    """Let a member hold so many products from a day on."""
    RunningTotal.objects.update_or_create(
        member_id=member.pk,
        series_id=SeriesFactory(metric="products_held").pk,
        day=since,
        defaults={"first_day": since, "total": products},
    )


def noon(day: datetime.date) -> datetime.datetime:
    """Return an instant at noon of a day in Shanghai."""
    return datetime.datetime.combine(day, datetime.time(4), datetime.UTC)


def ask(cast: Cast, *, on: datetime.date = MONDAY, by: User | None = None, **more: Any) -> Request:
    """Let somebody (Lin) ask on a day to invite a member (Wang) to silver until the end of June."""
    arguments: dict[str, Any] = {
        "id": uuid.uuid4(),
        "member": cast.wang,
        "programme": cast.programme,
        "kind": Protection.Kind.INVITATION,
        "tier": cast.programme.tiers.get(rank=1),
        "until": datetime.date(2026, 6, 30),
        "reason": "moved his salary to us",
    }
    return protection_requests.ask(**arguments | more, actor=Actor(user=by or cast.lin), at=noon(on))


def grant(made: Request, user: User, *, on: datetime.date = MONDAY) -> Approval:
    """Let somebody approve a request on a day."""
    return approve(made, user, at=noon(on) + datetime.timedelta(minutes=5))


def protect(cast: Cast, *, on: datetime.date = MONDAY, **more: Any) -> Protection:
    """Ask as `ask` does, and let Qian approve it on the same day."""
    grant(ask(cast, on=on, **more), cast.qian, on=on)
    return Protection.objects.latest("id")


def end(cast: Cast, protection: Protection, *, on: datetime.date) -> None:
    """Let Lin ask for the early end, and Mo approve it."""
    made = protection_requests.ask_to_end(
        id=uuid.uuid4(), protection=protection, reason="moved away", actor=Actor(user=cast.lin), at=noon(on)
    )
    grant(made, cast.mo, on=on)


def review(as_of: datetime.date) -> dict[str, int]:
    """Review everybody as of a date, and open the next one."""
    counts = reviewing.review(as_of=as_of, first_member=1, last_member=2**63 - 1, run=None, actor=NIGHT)
    BusinessDate.objects.filter(date=as_of).update(status="closed")
    BusinessDate.objects.get_or_create(date=as_of + DAY)
    return counts


def review_through(first: datetime.date, last: datetime.date) -> None:
    """Review every date from the first to the last."""
    for day in range((last - first).days + 1):
        review(first + day * DAY)


def decided(member: Member) -> list[tuple]:
    """Return a member's decisions: date, outcome, tier, and until when."""
    made = Decision.objects.filter(member=member).order_by("as_of")
    return [(one.as_of, one.outcome, one.to_tier.code, one.valid_until) for one in made]


def stands(member: Member, day: datetime.date) -> str:
    """Return the code of the member's tier on a day."""
    [stood] = standings.at(member_id=member.pk, day=day)
    return stood.tier.code
