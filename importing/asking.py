"""Imports as requests: to take a checked file in, and to take an import back; what is asked for, its worth, its words for the checker."""

import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from foundation.access.models import User
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload
from foundation.approvals.models import Request
from foundation.approvals.requesting import Stale
from foundation.money import number
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from importing import keeping, sending, undoing
from importing.loading import OUTCOMES
from importing.models import MAY_START, Import
from importing.staging import bound
from importing.uploading import KEPT_WHILE_ASKED, refuse_unless_own
from members.models import Member
from points.models import PointCurrency

LOAD, OPEN, UNDO, UNDO_OPENING = "importing.load", "importing.open", "importing.undo", "importing.undo_opening"
MAY_DECIDE, MAY_DECIDE_OPENING = "importing.decide_import", "importing.decide_opening"


class NotChecked(Refusal):
    code = "import_not_checked"
    sentence = gettext_lazy("This file is not checked yet, or is being taken in already.")


class NothingToImport(Refusal):
    code = "nothing_to_import"
    status = 422
    sentence = gettext_lazy("Nothing in this file would change anything.")


class ControlTotalDiffers(Refusal):
    code = "control_total_differs"
    status = 422
    sentence = gettext_lazy(
        "The rows sum up to %(sum)s, the control total is %(total)s. Nothing of this file can be taken in."
    )


@in_transaction
def ask(*, import_id: UUID, request_id: UUID, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask for a checked file to be taken in; the request is bound to the file's digest, its mapping and what the trial counted.

    Refuses not_your_import, import_not_checked, rows_gone, nothing_to_import, control_total_differs, and what requesting.request refuses.
    """
    import_ = Import.objects.select_for_update(of=("self",)).select_related("branch").get(pk=import_id)
    refuse_unless_own(import_, actor=actor)
    if import_.status != Import.Status.CHECKED:
        raise NotChecked
    keeping.key_of(import_)
    counts = import_.trial["counts"]
    if not counts["new"] + counts["changed"]:
        raise NothingToImport
    if (control := control_of(import_)) and control[0] != control[1]:
        found, wanted = (
            f"{Decimal(one) / 100:,.2f}" if import_.kind == Import.Kind.SNAPSHOTS else number(one) for one in control
        )
        raise ControlTotalDiffers(sum=found, total=wanted)
    made = requesting.request(
        id=request_id,
        kind=OPEN if import_.is_money else LOAD,
        payload=_payload(import_),
        branch=import_.branch,
        reason=reason,
        content_key=import_.pk.hex,
        actor=actor,
        at=at,
    )
    Import.objects.filter(pk=import_.pk).update(keep_until=at + KEPT_WHILE_ASKED)
    return made


@in_transaction
def ask_to_undo(*, import_id: UUID, request_id: UUID, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask for an import to be taken back. Refuses not_your_import, not_undoable, done_since, and what requesting.request refuses."""
    import_ = Import.objects.select_for_update(of=("self",)).select_related("branch").get(pk=import_id)
    refuse_unless_own(import_, actor=actor)
    if import_.status != Import.Status.DONE:
        raise undoing.NotUndoable
    undoing.refuse_unless_undoable(import_)
    asked = Request.objects.filter(kind__in=[UNDO, UNDO_OPENING], targets__subject=f"import/{import_.pk}").count()
    return requesting.request(
        id=request_id,
        kind=UNDO_OPENING if import_.is_money else UNDO,
        payload=_payload(import_),
        branch=import_.branch,
        reason=reason,
        # One that was approved and then came too late may be asked for anew.
        content_key=f"undo-{import_.pk.hex}-{asked if import_.refusal else 0}",
        actor=actor,
        at=at,
    )


def request_of(import_: Import) -> Request | None:
    """Return the newest request about the import, if there is one."""
    about = Request.objects.filter(targets__subject=f"import/{import_.pk}").defer("payload")
    return about.order_by("-requested_at", "-pk").first()


def control_of(import_: Import) -> tuple[int, int] | None:
    """Return what the rows sum up to and what they should; None without a control total, or before the trial."""
    if import_.control_total is None or not import_.counted:
        return None
    return import_.trial["sums"].get("control", 0), import_.control_total


@in_transaction
def start(
    *, payload: Payload, request_id: UUID, reason: str, versions: dict[str, str], actor: Actor, as_of: datetime.date
) -> dict[str, Any]:
    """Let workers take the approved file in: exactly the one that was asked for. Refuses stale, rows_gone."""
    import_ = _as_asked(payload, status=Import.Status.CHECKED)
    keeping.key_of(import_)
    return _set_to_work(import_, Import.Status.RUNNING)


@in_transaction
def start_undoing(
    *, payload: Payload, request_id: UUID, reason: str, versions: dict[str, str], actor: Actor, as_of: datetime.date
) -> dict[str, Any]:
    """Let a worker take the approved import back. Refuses stale, done_since."""
    import_ = _as_asked(payload, status=Import.Status.DONE)
    undoing.refuse_unless_undoable(import_)
    return _set_to_work(import_, Import.Status.UNDOING)


def _as_asked(payload: Payload, *, status: Import.Status) -> Import:
    import_ = Import.objects.select_for_update(of=("self",)).select_related("branch").get(pk=payload["import"])
    if import_.status != status or _payload(import_) != payload:
        raise Stale
    return import_


def _set_to_work(import_: Import, status: Import.Status) -> dict[str, Any]:
    Import.objects.filter(pk=import_.pk).update(status=status, refusal=None)
    transaction.on_commit(lambda: sending.send(import_.pk), robust=True)
    return {"import": f"{import_.pk}", "rows": import_.rows}


def _payload(import_: Import) -> Payload:
    """Return what is asked for: no row, but what names the file and its reading beyond doubt."""
    return {
        "import": f"{import_.pk}",
        "kind": import_.kind,
        "source": import_.source,
        "name": import_.name,
        "digest": import_.digest,
        "mapping": import_.mapping,
        "rows": import_.rows,
        "control_total": import_.control_total,
        "counts": import_.counted["counts"],
        "sums": import_.counted["sums"],
    }


def points_by_currency(payload: Payload) -> dict[str, int]:
    """Return the points that a payload brings, by the code of their currency."""
    prefix = "points:"
    return {name.removeprefix(prefix): figure for name, figure in payload["sums"].items() if name.startswith(prefix)}


def targets(payload: Payload) -> list[Aim]:
    """Return the import itself, at the stage it is at: in points where it brings points, else in rows that would change something."""
    import_ = Import.objects.get(pk=payload["import"])
    points = sum(points_by_currency(payload).values())
    amount = points if import_.is_money else payload["counts"]["new"] + payload["counts"]["changed"]
    return [Aim(subject=f"import/{import_.pk}", version=f"{import_.status}/{import_.checked_at}", amount=amount)]


def worth(payload: Payload) -> int | None:
    """Return what the points are worth in minor units, rounded half away from zero; None where it brings none that have a worth."""
    sums = points_by_currency(payload)
    currencies = PointCurrency.objects.exclude(worth_minor=None).filter(code__in=sums)
    parts = [sums[currency.code] * (currency.worth_minor or Decimal(0)) for currency in currencies]
    return int(sum(parts, Decimal(0)).quantize(Decimal(1), ROUND_HALF_UP)) if parts else None


def worth_undone(payload: Payload) -> int | None:
    """Return the worth with the other sign."""
    value = worth(payload)
    return None if value is None else -value


def credits(payload: Payload, user: User) -> bool:
    """Tell whether a lot of the file is for a member who is this user, or signs in by another account of the same employee."""
    import_ = Import.objects.get(pk=payload["import"])
    own = set(Member.objects.of_employee(user).values_list("number", flat=True)) if import_.is_money else set()
    if not own or import_.wrapped_key is None:
        return False
    key, place = keeping.key_of(import_), import_.mapping["member_number"]
    for chunk in import_.chunks.exclude(sealed=None).order_by("number").iterator(1):
        rows = keeping.unseal_rows(key, chunk.sealed or b"", bound_to=bound(import_, chunk.number))
        if any(cells[place] in own for _line, cells, _fault in rows):
            return True
    return False


def nobody(payload: Payload, user: User) -> bool:
    """Tell that taking back credits nobody."""
    return False


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return an import's words: the file, its counts and totals."""
    said = {"name": payload["name"], "kind": Import.Kind(payload["kind"]).label, "source": payload["source"]}
    return _described(payload, _("Import the file %(name)s (%(kind)s) from %(source)s.") % said)


def describe_undoing(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the words of taking an import back."""
    said = {"name": payload["name"], "kind": Import.Kind(payload["kind"]).label, "source": payload["source"]}
    return _described(payload, _("Take the import of %(name)s (%(kind)s) from %(source)s back.") % said)


WORDS = {
    "new": gettext_lazy("new rows"),
    "changed": gettext_lazy("changed rows"),
    "unchanged": gettext_lazy("unchanged rows"),
    "error": gettext_lazy("left out, with an error"),
}


def _described(payload: Payload, sentence: str) -> Description:
    currencies = {currency.code: currency for currency in PointCurrency.objects.all()}
    points = [f"{number(sum_)} {currencies[code]}" for code, sum_ in points_by_currency(payload).items()]
    counts = payload["counts"]
    rows = _("%(rows)s rows") % {"rows": number(counts["new"] + counts["changed"])}
    changes = [
        Change(target=str(WORDS[name]), url="", what="", before="", after=number(counts[name])) for name in OUTCOMES
    ]
    url = reverse("admin:importing_import_change", args=[payload["import"]])
    digest = f"SHA-256 {payload['digest'][:16]}…"
    changes.insert(
        0,
        Change(target=payload["name"], url=url, what=_("file"), before="", after=number(payload["rows"]), note=digest),
    )
    if payload["control_total"] is not None:
        total = number(payload["sums"].get("control", 0))
        changes.append(
            Change(target=_("control total"), url="", what="", before=number(payload["control_total"]), after=total)
        )
    return Description(sentence=sentence, impact=" · ".join([rows, *points]), changes=changes, fixed=True)


def _kind(code: str, label: Any, verb: Any, words: Any, **more: Any) -> Kind:
    said: dict[str, Any] = {"worth": worth, "credits": credits, "permission_to_decide": MAY_DECIDE} | more
    return Kind(
        code=code,
        label=label,
        verb=verb,
        describe=words,
        targets=targets,
        permission_to_request=MAY_START,
        **said,
    )


KINDS = [
    _kind(LOAD, gettext_lazy("Import a file"), start, describe),
    _kind(OPEN, gettext_lazy("Import opening points"), start, describe, permission_to_decide=MAY_DECIDE_OPENING),
    _kind(
        UNDO, gettext_lazy("Take an import back"), start_undoing, describe_undoing, worth=worth_undone, credits=nobody
    ),
    _kind(
        UNDO_OPENING,
        gettext_lazy("Take opening points back"),
        start_undoing,
        describe_undoing,
        worth=worth_undone,
        credits=nobody,
        permission_to_decide=MAY_DECIDE_OPENING,
    ),
]
