"""Destroying what has passed its term: the night finds it, one person of compliance asks, another decides, then a job destroys it.

The database itself asks for the decision before it deletes (privacy_destroy); a legal hold stops it up to the last chunk.
"""

import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from foundation.access.models import Branch, User
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload
from foundation.approvals.models import Decision, Request
from foundation.audit.recording import record
from foundation.money import number
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member
from privacy import certificates, erasing
from privacy.classes import CLASSES, CLOSED_MEMBERS, before_of
from privacy.keeping import Destruction, LegalHold, RetentionTerm

MAY_SEE, MAY_REQUEST, MAY_DECIDE = "privacy.view_retention", "privacy.request_destruction", "privacy.decide_destruction"
CHUNK, CHUNK_MEMBERS = 5_000, 500
State = Destruction.State


class NothingFound(Refusal):
    code = "nothing_to_destroy"
    sentence = gettext_lazy("This batch has been decided on already, or is not there.")


@in_transaction
def find(*, today: datetime.date, at: datetime.datetime, actor: Actor) -> dict[str, int]:
    """Count, class by class, what has passed its term, and keep a batch of each to be decided on; return how many rows by class.

    A batch that nobody has decided on is brought up to today; while a request about it waits, it stays as it was asked for.
    """
    waiting = set(
        Request.objects.filter(kind=KIND.code, status=Request.Status.PENDING).values_list(
            "payload__data_class", flat=True
        )
    )
    found: dict[str, int] = {}
    for term in RetentionTerm.objects.exclude(months=None).order_by("data_class"):
        known = CLASSES[term.data_class]
        is_busy = Destruction.objects.filter(data_class=term.data_class, state=State.APPROVED).exists()
        if known.due is None or is_busy or term.data_class in waiting:
            continue
        before = before_of(term.months, today=today)
        rows = known.due(before, today).count()
        if not rows:
            continue
        found[term.data_class] = rows
        told = {"before": before, "found_on": today, "rows": rows}
        if not Destruction.objects.filter(data_class=term.data_class, state=State.FOUND).update(**told):
            Destruction.objects.create(data_class=term.data_class, **told)
    if found:
        record(verb="privacy.find_due", actor=actor, subject_kind="retention", subject_id=today, at=at, new=found)
    return found


@in_transaction
def ask(*, id: UUID, destruction: Destruction, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask to destroy a batch; another person of compliance decides. Refuses nothing_to_destroy, and as requesting.request."""
    found = Destruction.objects.select_for_update().filter(pk=destruction.pk, state=State.FOUND).first()
    if found is None:
        raise NothingFound
    payload = {
        "destruction": str(found.pk),
        "data_class": found.data_class,
        "before": found.before.isoformat(),
        "rows": found.rows,
    }
    return requesting.request(
        id=id,
        kind=KIND.code,
        payload=payload,
        branch=Branch.objects.filter(parent=None).order_by("pk")[0],
        reason=reason,
        content_key=f"destroy/{found.pk}",
        actor=actor,
        at=at,
    )


@in_transaction
def do(
    *, payload: Payload, request_id: UUID, reason: str, versions: dict[str, str], actor: Actor, as_of: datetime.date
) -> dict[str, Any]:
    """Let the job destroy the batch of an approved request. Refuses nothing_to_destroy."""
    found = Destruction.objects.filter(pk=payload["destruction"], state=State.FOUND)
    if not found.update(state=State.APPROVED, request_id=request_id):
        raise NothingFound
    return {"destruction": payload["destruction"]}


def approved() -> list[UUID]:
    """Return the batches that were decided on and are not destroyed yet."""
    return list(
        Destruction.objects.filter(state=State.APPROVED).order_by("found_on", "id").values_list("pk", flat=True)
    )


@in_transaction
def go_on(*, destruction_id: UUID, today: datetime.date, at: datetime.datetime, actor: Actor) -> bool:
    """Destroy one chunk of an approved batch; tell whether there may be more. The last one writes the certificate.

    As many statements for a chunk of one as for a full one; each leaves one event.
    """
    batch = Destruction.objects.select_for_update().get(pk=destruction_id)
    if batch.state != State.APPROVED:
        return False
    count = _members(batch, today=today, at=at) if batch.data_class == CLOSED_MEMBERS else _rows(batch, today=today)
    new = {"data_class": batch.data_class, "rows": count}
    record(verb="privacy.destroy", actor=actor, subject_kind="destruction", subject_id=batch.pk, at=at, new=new)
    if count:
        return True
    batch.refresh_from_db()
    batch.certificate = certificates.certify(
        kind="destruction", subject=batch.data_class, document=_document(batch), at=at
    )
    batch.state = State.DONE
    batch.save(update_fields=["certificate", "state"])
    return False


def _rows(batch: Destruction, *, today: datetime.date) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT privacy_destroy(%s, %s, %s, %s)", [batch.pk, today, settings.TIME_ZONE, CHUNK])
        [[count]] = cursor.fetchall()
    return count


def _members(batch: Destruction, *, today: datetime.date, at: datetime.datetime) -> int:
    """Destroy the personal data of the next closed members; return of how many."""
    if LegalHold.objects.on(today).filter(data_class=CLOSED_MEMBERS).exists():
        return 0
    due = CLASSES[CLOSED_MEMBERS].due
    assert due is not None  # noqa: S101  # nosec B101
    ids = list(due(batch.before, today).order_by("pk").values_list("pk", flat=True)[:CHUNK_MEMBERS])
    # Locked first, then asked again: a hold that was placed meanwhile is found.
    locked = Member.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    ids = [member.pk for member in locked]
    members = list(due(batch.before, today).filter(pk__in=ids).select_related("user").order_by("pk"))
    if members:
        document = _document(batch) | {"members": [member.number for member in members]}
        erasing.destroy(members=members, today=today, at=at, document=document, kind="destruction")
        Destruction.objects.filter(pk=batch.pk).update(destroyed=batch.destroyed + len(members))
    return len(members)


def _document(batch: Destruction) -> dict[str, Any]:
    """Return what a certificate says of a batch: what, by what right, who asked, who decided."""
    decision = Decision.objects.select_related("request").get(request=batch.request_id)
    term = RetentionTerm.objects.get(data_class=batch.data_class)
    return {
        "destruction": str(batch.pk),
        "data_class": batch.data_class,
        "older_than": batch.before.isoformat(),
        "months": term.months,
        "basis": term.bases.get("en", ""),
        "request": str(batch.request_id),
        "asked_by": decision.requester_number,
        "decided_by": decision.employee_number,
        "rows": batch.destroyed,
    }


def targets(payload: Payload) -> list[Aim]:
    """Return the batch, in the version of what was found."""
    found = Destruction.objects.get(pk=payload["destruction"])
    return [Aim(subject=f"destruction/{found.pk}", version=f"{found.state}/{found.before}/{found.rows}")]


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the request in words: which class, older than when, how many."""
    known = CLASSES[payload["data_class"]]
    change = Change(
        target=str(known.label),
        url=reverse("admin:privacy_destruction_change", args=[payload["destruction"]])
        if user.has_perm(MAY_SEE)
        else "",
        what=_("older than %(date)s") % {"date": payload["before"]},
        before=_("%(count)s found") % {"count": number(payload["rows"])},
        after=str(known.becomes),
    )
    sentence = _("Destroy for good what has passed its term: %(what)s.") % {"what": known.label}
    return Description(sentence=sentence, impact="", changes=[change], fixed=True)


KIND = Kind(
    code="privacy.destroy",
    label=gettext_lazy("Destruction of data"),
    verb=do,
    describe=describe,
    targets=targets,
    worth=lambda _payload: None,
    credits=lambda _payload, _user: False,
    permission_to_request=MAY_REQUEST,
    permission_to_decide=MAY_DECIDE,
)
