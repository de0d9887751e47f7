"""Erasing a member: his personal data is destroyed by its key, the ledger and every decision stay and still verify (docs/privacy.md).

Asked for by himself, or for him by one person and decided by another. Where only a day stands against it, it may wait for that day.
"""

import datetime
import json
import uuid
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.approvals.models import Request, employee_number_of
from foundation.audit.recording import record
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import leaving
from members.models import Member, Person
from members.states import Reason
from points import ledger
from points.models import Kind, PointCurrency, Purse
from privacy import barriers, certificates, signing_out
from privacy.barriers import Barrier
from privacy.models import Certificate, Erased, Erasure

State = Erasure.State
BASIS = "PIPL article 47"
# What an entry says that books the points a member gave up.
GIVEN_UP = "given up with the membership"
KEPT = ["ledger", "seals", "activities and balances, by member id", "tier decisions", "consents", "audit trail"]


class ErasureBarred(Refusal):
    """Carries the `barriers`, each with its code, sentence and, where known, its day."""

    code = "erasure_barred"
    sentence = _("This can't be erased yet. %(why)s")

    def __init__(self, *, barriers: list[Barrier]) -> None:
        super().__init__(why=" ".join(one.sentence for one in barriers))
        self.barriers = barriers


class NothingWaits(Refusal):
    code = "no_erasure_waits"
    sentence = _("No erasure is waiting: it is done, or was taken back.")


@in_transaction
def ask(
    *,
    member: Member,
    channel: str,
    gives_up_points: bool,
    may_wait: bool,
    today: datetime.date,
    at: datetime.datetime,
    actor: Actor,
    request_id: uuid.UUID | None = None,
) -> Erasure:
    """Erase a member now; where only days stand against it and it `may_wait`, keep the wish for the last of them.

    Asked again, it answers what it did or what waits. Refuses erasure_barred, saying everything that stands against it.
    """
    member = _locked(member.pk)
    if is_erased(member.pk):
        return Erasure.objects.filter(member=member, state=State.DONE).latest("asked_at")
    waiting = Erasure.objects.filter(member=member, state=State.WAITING).first()
    asked = waiting or Erasure(
        member=member,
        channel=channel,
        asked_at=at,
        asked_by=actor.user,
        request_id=request_id,
    )
    asked.gives_up_points = gives_up_points
    stands = barriers.standing(member, today=today, gives_up_points=gives_up_points)
    if not stands:
        _erase(asked, member, today=today, at=at, actor=actor)
        return asked
    days = [one.possible_on for one in stands if one.possible_on]
    if not may_wait or len(days) < len(stands):
        raise ErasureBarred(barriers=stands)
    asked.state, asked.possible_on = State.WAITING, max(days)
    asked.save()
    _record("privacy.ask_erasure", asked, actor, at, possible_on=f"{asked.possible_on}")
    return asked


@in_transaction
def withdraw(*, member: Member, at: datetime.datetime, actor: Actor) -> None:
    """Take back a wish that waits for its day. Refuses no_erasure_waits."""
    waiting = Erasure.objects.select_for_update().filter(member=member, state=State.WAITING).first()
    if waiting is None:
        raise NothingWaits
    Erasure.objects.filter(pk=waiting.pk).update(state=State.WITHDRAWN, ended_at=at)
    _record("privacy.withdraw_erasure", waiting, actor, at)


def due(*, today: datetime.date, most: int = 100) -> list[uuid.UUID]:
    """Return the wishes whose day has come, the oldest first, `most` at most."""
    waiting = Erasure.objects.filter(state=State.WAITING, possible_on__lte=today).order_by("possible_on", "id")
    return list(waiting.values_list("pk", flat=True)[:most])


@in_transaction
def execute(*, erasure_id: uuid.UUID, today: datetime.date, at: datetime.datetime, actor: Actor) -> bool:
    """Fulfil a wish whose day has come; tell whether it was. Where something stands against it meanwhile, it waits on, a day at least."""
    member_id = Erasure.objects.values_list("member", flat=True).get(pk=erasure_id)
    member = _locked(member_id)
    asked = Erasure.objects.select_for_update().get(pk=erasure_id)
    if asked.state != State.WAITING:
        return False
    stands = barriers.standing(member, today=today, gives_up_points=asked.gives_up_points)
    if not stands:
        _erase(asked, member, today=today, at=at, actor=actor)
        return True
    tomorrow = today + datetime.timedelta(days=1)
    asked.possible_on = max([tomorrow, *(one.possible_on for one in stands if one.possible_on)])
    asked.save(update_fields=["possible_on"])
    return False


def is_erased(member_id: int) -> bool:
    """Tell whether a member's personal data has been destroyed."""
    return Person.objects.filter(pk=member_id, erased_on__isnull=False).exists()


def certificate_of(member_id: int) -> Certificate | None:
    """Return what proves that a member's data was destroyed."""
    erased = Erased.objects.select_related("certificate").filter(pk=member_id).first()
    return erased.certificate if erased else None


def _locked(member_id: int) -> Member:
    """Return the member, locked: what writes him or his accounts waits, and finds him erased (members/migrations/0007)."""
    return Member.objects.select_for_update(of=("self",)).select_related("branch", "user").get(pk=member_id)


def _erase(asked: Erasure, member: Member, *, today: datetime.date, at: datetime.datetime, actor: Actor) -> None:
    given_up = _give_up(asked, member, today=today, actor=actor)
    if member.status != Member.Status.CLOSED:
        leaving.close(member=member, reason=Reason.WISH, note=f"erasure/{asked.pk}", at=at, actor=actor)
    # The purses are locked and closed by now: what came while we looked is found here, and undoes it all.
    if stands := barriers.standing(member, today=today):
        raise ErasureBarred(barriers=stands)
    asked.state, asked.possible_on, asked.ended_at = State.DONE, None, at
    asked.save()
    # What was merged into his record is of the same person.
    others = Member.objects.select_for_update(of=("self",)).filter(merged_into=member).order_by("pk")
    certificate = destroy(members=[member, *others], at=at, today=today, document=_document(asked, actor, given_up))
    _record("privacy.erase", asked, actor, at, certificate=certificate.number, points_given_up=given_up)


def _give_up(asked: Erasure, member: Member, *, today: datetime.date, actor: Actor) -> int:
    """Book what is left of the member's reward points as given up; return how many. Only with his explicit yes is there anything."""
    reward = PointCurrency.objects.filter(kind=PointCurrency.Kind.REWARD).values("pk")
    left = Purse.objects.filter(member_id=member.pk, currency_id__in=reward, available__gt=0).order_by("currency_id")
    batch = [
        ledger.Posting(
            member_id=member.pk,
            currency_id=purse.currency_id,
            key=uuid.uuid5(asked.pk, str(purse.currency_id)),
            kind=Kind.ADJUST,
            points=-purse.available,
            occurred_on=today,
            cause=f"erasure/{asked.pk}",
            figures={"reason": GIVEN_UP},
        )
        for purse in left
    ]
    ledger.post(batch, actor=actor)
    return -sum(posting.points for posting in batch)


def _document(asked: Erasure, actor: Actor, given_up: int) -> dict[str, Any]:
    """Return what the certificate says of who asked and who decided: employees by their numbers, the member as himself."""
    request = Request.objects.filter(pk=asked.request_id).first() if asked.request_id else None
    decided_by = employee_number_of(actor.user) if request and actor.user else ""
    return {
        "basis": BASIS,
        "asked_by": request.employee_number if request else "the member",
        "asked_at": asked.asked_at.isoformat(),
        "channel": asked.channel,
        "request": str(asked.request_id or ""),
        "decided_by": decided_by or (f"job {actor.system}" if actor.system and request is None else "the member"),
        "points_given_up": given_up,
        "kept": KEPT,
    }


@in_transaction
def destroy(
    *,
    members: list[Member],
    today: datetime.date,
    at: datetime.datetime,
    document: dict[str, Any],
    kind: str = "erasure",
) -> Certificate:
    """Destroy what is personal of closed members, who are locked, and return its one certificate; as many statements for one as for a
    thousand. What says that they may be erased stands above: `ask`, `execute`, and the decided destruction of a class.
    """
    ids = [member.pk for member in members]
    users = [member.user.pk for member in members if member.user and not member.user.is_staff]
    with connection.cursor() as cursor:
        cursor.execute("SELECT privacy_erase(%s, %s, %s)", [ids, today, at])
        [[counts]] = cursor.fetchall()
    counts = json.loads(counts)
    counts["sign_in_rows"] = signing_out.forget(users)
    subject = members[0].number if kind == "erasure" else f"{len(members)} members"
    certificate = certificates.certify(kind=kind, subject=subject, document=document | {"destroyed": counts}, at=at)
    Erased.objects.bulk_create(
        [Erased(member_id=pk, certificate=certificate, erased_at=at) for pk in ids], ignore_conflicts=True
    )
    return certificate


def _record(verb: str, asked: Erasure, actor: Actor, at: datetime.datetime, **new: Any) -> None:
    kept = {"erasure": str(asked.pk), "channel": asked.channel, "gives_up_points": asked.gives_up_points, **new}
    record(verb=verb, actor=actor, subject_kind="member", subject_id=asked.member_id, at=at, new=kept)
