"""Taking a file of corrections: read under caps, kept for its owner until he asks for it, and never more than a proposal."""

import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import User
from foundation.actors import Actor
from foundation.approvals.models import Request
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.sheets import Column, read
from foundation.transactions import in_transaction
from members.models import Member, MemberQuerySet
from points import checking, correcting
from points.models import CorrectionFile

MOST_ROWS = 20_000
KEPT_DAYS = 7
COLUMNS = (
    Column(field="member", headings=("member number", "会员号", "會員編號")),
    Column(field="currency", headings=("currency", "积分种类", "積分種類")),
    Column(field="points", headings=("points", "积分", "積分")),
    Column(field="reason", headings=("reason", "原因", "原因")),
    Column(field="expires_on", headings=("expires on", "到期日", "到期日"), required=False),
    # An error file may come back as it is, once its rows are put right.
    Column(field="", headings=("line", "行"), required=False),
    Column(field="", headings=("what is wrong", "错误", "錯誤"), required=False),
)
# What a file could be tempted to set; everything else that isn't known is refused as well.
FORBIDDEN = (
    *(
        "tier",
        "level",
        "等级",
        "等級",
        "balance",
        "balance after",
        "余额",
        "餘額",
        "available",
        "owed",
        "pending",
        "frozen",
    ),
    *(
        "is_staff",
        "is_superuser",
        "role",
        "password",
        "user",
        "branch",
        "分行",
        "网点",
        "status",
        "状态",
        "狀態",
        "kind",
        "key",
    ),
)


class RowsRefused(Refusal):
    code = "rows_refused"
    status = 422
    sentence = _("Some rows can't be asked for. Put them right and upload the file again.")


def correctable(user: User, *, on: datetime.date) -> MemberQuerySet:
    """Return the members whose points the user may ask to correct."""
    return Member.objects.in_branches(visibility.paths(user, permission=correcting.MAY_REQUEST, on=on))


@in_transaction
def keep(*, name: str, content: bytes, user: User, at: datetime.datetime) -> CorrectionFile:
    """Read a file and keep its rows, as text, for KEPT_DAYS, for its owner alone; refuses a sheets.SheetRefusal, whole."""
    rows = read(content, columns=COLUMNS, forbidden=FORBIDDEN, most_rows=MOST_ROWS)
    CorrectionFile.objects.filter(uploaded_at__lt=at - datetime.timedelta(days=KEPT_DAYS)).delete()
    return CorrectionFile.objects.create(name=name[-120:], uploaded_by=user, uploaded_at=at, rows=rows)


def dry_run(kept: CorrectionFile, *, today: datetime.date) -> checking.Checked:
    """Return what would be asked for and every row that can't be, as things stand; writes nothing."""
    return checking.check(kept.rows, members=correctable(kept.uploaded_by, on=today), today=today)


@in_transaction
def ask(*, kept: CorrectionFile, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask for the corrections of a kept file, once: the request takes the file's id. Refuses rows_refused if any row is wrong."""
    id: UUID = kept.pk
    checked = dry_run(kept, today=day_of(at))
    if checked.errors:
        raise RowsRefused
    return correcting.ask_by_file(id=id, name=kept.name, rows=checked.rows, reason=reason, actor=actor, at=at)
