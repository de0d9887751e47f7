"""Head office over Pudong (with Lujiazui) and Harbour; who imports, who approves, and files as they come from a bank."""

import dataclasses
import io
import uuid
from typing import Any

import openpyxl

from foundation import transactions
from foundation.access.models import Branch, Role, User
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.approvals.models import Decision, Request
from importing import asking, going_on, uploading
from importing.models import Import
from members.models import Member
from points.models import PointCurrency
from tests.approvals.cast import AT, LATER, posted
from tests.factories import BranchFactory, MemberFactory
from tests.points.cast import open_bank

MEMBERS = "会员号,网点代码,入会日期,姓名,手机号,证件号,性别\n"
OPENING = "member number,point currency,points,earned on,expires on,lot reference\n"


@dataclasses.dataclass(frozen=True)
class Cast:
    """Pan, programme manager of head office; Mo and Bai, branch managers of Pudong; Fang of finance; Wang, a member of Lujiazui."""

    head_office: Branch
    pudong: Branch
    lujiazui: Branch
    harbour: Branch
    wang: Member
    points: PointCurrency
    pan: User
    mo: User
    bai: User
    fang: User


def assemble() -> Cast:
    """Open the bank with its branches and people."""
    _member, points = open_bank()
    PointCurrency.objects.update(worth_minor=2)
    head_office = BranchFactory(code="000")
    pudong, harbour = BranchFactory(code="100", parent=head_office), BranchFactory(code="200", parent=head_office)
    lujiazui = BranchFactory(code="101", parent=pudong)
    return Cast(
        head_office=head_office,
        pudong=pudong,
        lujiazui=lujiazui,
        harbour=harbour,
        wang=MemberFactory(number="A-WANG", branch=lujiazui),
        points=points,
        pan=posted(Role.PROGRAMME_MANAGER, head_office, employee_number="E-PAN"),
        mo=posted(Role.BRANCH_MANAGER, pudong, employee_number="E-MO"),
        bai=posted(Role.BRANCH_MANAGER, pudong, employee_number="E-BAI"),
        fang=posted(Role.FINANCE, head_office, employee_number="E-FANG"),
    )


def assemble_committed() -> Cast:
    """Do the same, for real, in a transaction."""
    return transactions.commit(assemble)


def workbook(*rows: list[Any]) -> bytes:
    """Return an xlsx of these rows, the headings first."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def upload(cast: Cast, content: bytes | str, *, kind: str = "members", by: User | None = None, **more: Any) -> Import:
    """Let somebody (Mo, of Pudong) upload a file into his branch."""
    user = by or cast.mo
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    defaults: dict[str, Any] = {"source": "old-core", "name": f"{kind}.csv", "branch": user.postings.get().branch}
    return uploading.take_up(kind=kind, file=file, actor=Actor(user=user), at=AT, **defaults | more)


def map_as_guessed(import_: Import, *, by: User | None = None, **places: int) -> Import:
    """Map the columns as the headings say, unless told otherwise."""
    user = by or import_.uploaded_by
    mapped = uploading.map_columns(import_id=import_.pk, places=import_.mapping | places, actor=Actor(user=user), at=AT)
    work(mapped)
    return again(mapped)


def work(import_: Import) -> None:
    """Do what a worker would, inside the test's transaction."""
    while going_on.do_next(import_id=import_.pk, at=LATER):
        pass


def again(import_: Import) -> Import:
    """Return an import as it stands now."""
    return Import.objects.select_related("branch", "uploaded_by").get(pk=import_.pk)


def checked(cast: Cast, content: bytes | str, **more: Any) -> Import:
    """Let a file be uploaded, mapped as guessed, and tried out."""
    return map_as_guessed(upload(cast, content, **more))


def ask(import_: Import, *, by: User | None = None, request_id: uuid.UUID | None = None) -> Request:
    """Let the importer ask for it."""
    return asking.ask(
        import_id=import_.pk,
        request_id=request_id or uuid.uuid4(),
        reason="the old system is switched off",
        actor=Actor(user=by or import_.uploaded_by),
        at=AT,
    )


def approve(made: Request, user: User) -> Decision:
    return deciding.approve(request_id=made.pk, seen_hash=made.payload_hash, actor=Actor(user=user), at=LATER)


def imported(
    cast: Cast, content: bytes | str, *, by: User | None = None, approver: User | None = None, **more: Any
) -> Import:
    """Let a file go all the way: Bai, or Fang for points, approves."""
    import_ = checked(cast, content, by=by, **more)
    approve(ask(import_), approver or (cast.fang if import_.is_money else cast.bai))
    work(import_)
    return again(import_)


def undone(cast: Cast, import_: Import) -> Import:
    """Let an import be taken back, all the way."""
    made = ask_to_undo(import_)
    approve(made, cast.fang if import_.is_money else cast.bai)
    work(import_)
    return again(import_)


def ask_to_undo(import_: Import) -> Request:
    """Let the importer ask for it to be taken back."""
    said = {"reason": "the wrong file", "actor": Actor(user=import_.uploaded_by), "at": LATER}
    return asking.ask_to_undo(import_id=import_.pk, request_id=uuid.uuid4(), **said)


def counts(import_: Import) -> dict[str, int]:
    """Return how many rows were what, without those that are none."""
    return {name: count for name, count in import_.counted["counts"].items() if count}


def faults(import_: Import) -> list[tuple[int, str, str]]:
    """Return line, field and code of each error."""
    return [tuple(fault) for chunk in import_.chunks.order_by("number") for fault in chunk.errors]
