"""Head office over Pudong over Lujiazui, and Harbour beside Pudong; who asks, who decides, and Wang with 1,000 points."""

import dataclasses
import datetime
import uuid
from typing import Any

from foundation import transactions
from foundation.access.models import Branch, Role, User
from foundation.actors import Actor
from foundation.approvals import deciding, requesting
from foundation.approvals.models import Decision, Request
from foundation.audit.models import AuditEvent
from members.models import Member, Person
from points import correcting, ledger
from points.models import Entry, PointCurrency
from tests.factories import BranchFactory, MemberFactory, StaffFactory, StaffPostingFactory
from tests.points.cast import CLERK, asked, open_bank

AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
LATER = AT + datetime.timedelta(minutes=5)


@dataclasses.dataclass(frozen=True)
class Cast:
    """Lin, teller of Lujiazui; Mo, branch manager of Pudong (50,000 at once, 100,000 a day); Fang of finance (no limit); Hua,
    branch manager of Harbour, for whom Pudong doesn't exist."""

    pudong: Branch
    lujiazui: Branch
    harbour: Branch
    wang: Member
    points: PointCurrency
    lin: User
    mo: User
    fang: User
    hua: User


def posted(role: Role, branch: Branch, **user: Any) -> User:
    """Return a member of staff who holds `role` in `branch` since long ago."""
    return StaffPostingFactory(user=StaffFactory(**user), branch=branch, role=role).user


def assemble() -> Cast:
    """Open the bank with its people, and Wang's 1,000 points."""
    _member, points = open_bank()
    PointCurrency.objects.update(worth_minor=2)
    head_office = BranchFactory(code="000")
    pudong, harbour = BranchFactory(code="100", parent=head_office), BranchFactory(code="200", parent=head_office)
    lujiazui = BranchFactory(code="101", parent=pudong)
    wang = MemberFactory(number="A-WANG", branch=lujiazui)
    Person.objects.create(member=wang, sealed=b"", masked_name="王*")
    ledger.post([asked(wang, points, 1_000)], actor=CLERK)
    return Cast(
        pudong=pudong,
        lujiazui=lujiazui,
        harbour=harbour,
        wang=wang,
        points=points,
        lin=posted(Role.TELLER, lujiazui, employee_number="E-LIN"),
        mo=posted(Role.BRANCH_MANAGER, pudong, employee_number="E-MO"),
        fang=posted(Role.FINANCE, head_office, employee_number="E-FANG"),
        hua=posted(Role.BRANCH_MANAGER, harbour, employee_number="E-HUA"),
    )


def assemble_committed() -> Cast:
    """Do the same, for real, in a transaction."""
    return transactions.commit(assemble)


def ask(cast: Cast, points: int = 500, *, by: User | None = None, at: datetime.datetime = AT, **more: Any) -> Request:
    """Let somebody (Lin) ask for a correction of a member's (Wang's) points."""
    arguments = {
        "id": uuid.uuid4(),
        "member": cast.wang,
        "currency": cast.points,
        "reason": "goodwill",
        "expires_on": None,
    }
    return correcting.ask_by_hand(**arguments | more, points=points, actor=Actor(user=by or cast.lin), at=at)


def approve(
    made: Request, user: User, *, at: datetime.datetime = LATER, seen_hash: str | None = None, comment: str = ""
) -> Decision:
    return deciding.approve(
        request_id=made.pk,
        comment=comment,
        seen_hash=made.payload_hash if seen_hash is None else seen_hash,
        actor=Actor(user=user),
        at=at,
    )


def reject(made: Request, user: User, *, comment: str = "no receipt", at: datetime.datetime = LATER) -> Decision:
    return deciding.reject(request_id=made.pk, comment=comment, actor=Actor(user=user), at=at)


def withdraw(made: Request, user: User, *, at: datetime.datetime = LATER) -> Request:
    return requesting.withdraw(request_id=made.pk, actor=Actor(user=user), at=at)


def status_of(made: Request) -> str:
    return Request.objects.values_list("status", flat=True).get(pk=made.pk)


def picture() -> dict[str, Any]:
    """Return everything that a refusal must leave as it was."""
    return {
        "entries": list(
            Entry.objects.order_by("member_id", "currency_id", "number").values_list("member_id", "points")
        ),
        "requests": list(Request.objects.order_by("id").values_list("id", "status", "settled_at")),
        "decisions": Decision.objects.count(),
        "events": AuditEvent.objects.count(),
    }
