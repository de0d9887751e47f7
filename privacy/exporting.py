"""A copy of a member's data: asked for, made by a job, fetched once within 24 hours (docs/privacy.md)."""

import datetime
import uuid
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from foundation.access.models import User
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.messaging.sending import owe_message
from foundation.outbox.models import Obligation
from foundation.outbox.owing import Owed, owe
from foundation.periods import day_of, first_instant
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import sealing
from members.models import Member
from privacy import packing
from privacy.contents import Owner
from privacy.models import Export, ExportPart

TOPIC = "privacy.export"
MESSAGE = "export_ready"
LASTS = datetime.timedelta(hours=24)
# So long a file that is being fetched keeps its parts, for whoever reads it slowly.
FETCHING = datetime.timedelta(hours=1)
State = Export.State


class TooManyExports(Refusal):
    code = "too_many_exports"
    status = 429
    sentence = _("You have asked for %(most)s copies today. Please ask again tomorrow.")


class NotReady(Refusal):
    code = "export_not_ready"
    sentence = _(
        "This copy can't be fetched: it is being made, was fetched already, or its 24 hours are over. Ask for a new one."
    )


class MemberErased(Refusal):
    code = "member_erased"
    sentence = _("This member's personal data has been destroyed.")


@in_transaction
def ask(
    *,
    member: Member,
    channel: str,
    language: str,
    at: datetime.datetime,
    actor: Actor,
    request_id: uuid.UUID | None = None,
) -> Export:
    """Ask for a copy, which a job makes; where one is being made, answer that. Refuses member_erased, too_many_exports."""
    # Locked, so that two wishes at once make one copy and count each other.
    member = Member.objects.select_for_update(of=("self",)).select_related("person").get(pk=member.pk)
    if getattr(getattr(member, "person", None), "erased_on", None):
        raise MemberErased
    making = Export.objects.waiting().filter(member=member).first()
    if making:
        return making
    asked_today = Export.objects.filter(member=member, asked_at__gte=first_instant(day_of(at))).count()
    if asked_today >= settings.EXPORTS_A_DAY:
        raise TooManyExports(most=settings.EXPORTS_A_DAY)
    made = Export.objects.create(
        member=member,
        channel=channel,
        language=language,
        asked_at=at,
        asked_by=_person(actor),
        request_id=request_id,
    )
    owe([Owed(member_id=member.pk, key=str(made.pk), payload={"export": str(made.pk)})], topic=TOPIC)
    _record("privacy.ask_export", made, actor, at)
    return made


@in_transaction
def make(owed: Sequence[Obligation], *, at: datetime.datetime, actor: Actor) -> None:
    """Make the copies that are owed; one that is made, or whose member was erased meanwhile, is let be."""
    ids = [one.payload["export"] for one in owed]
    waiting = (
        Export.objects.waiting().filter(pk__in=ids).select_related("member__branch", "member__user", "member__person")
    )
    for export in waiting.order_by("pk"):
        key = sealing.new_key()
        with override(export.language):
            size, digest = packing.pack(export, Owner(member=export.member, today=day_of(at)), key=key, at=at)
        Export.objects.waiting().filter(pk=export.pk).update(
            state=State.READY,
            made_at=at,
            expires_at=at + LASTS,
            size=size,
            digest=digest,
            wrapped_key=sealing.wrap(key, bound_to=packing.name_of(export.pk)),
        )
        owe_message(kind=MESSAGE, key=f"export/{export.pk}", member_id=export.member_id, about=str(export.pk))


@in_transaction
def take(*, export: Export, at: datetime.datetime, actor: Actor) -> bytes:
    """Take a copy that is ready, once, and return its key, by which packing.unpack reads it. Refuses export_not_ready."""
    ready = Export.objects.ready().filter(pk=export.pk, expires_at__gt=at)
    wrapped = ready.select_for_update().values_list("wrapped_key", flat=True).first()
    if wrapped is None or not ready.update(state=State.TAKEN, taken_at=at):
        raise NotReady
    _record("privacy.take_export", export, actor, at)
    return sealing.unwrap(wrapped, bound_to=packing.name_of(export.pk))


@in_transaction
def end(*, at: datetime.datetime) -> int:
    """Destroy the keys and parts of what was fetched an hour ago or was not fetched in time; return of how many. Three statements."""
    is_over = Q(state=State.READY, expires_at__lte=at) | Q(state=State.TAKEN, taken_at__lte=at - FETCHING)
    over = list(Export.objects.filter(is_over, wrapped_key__isnull=False).values_list("pk", flat=True)[:500])
    if over:
        ExportPart.objects.filter(export__in=over).delete()
        Export.objects.filter(pk__in=over, state=State.READY).update(state=State.OVER, wrapped_key=None)
        Export.objects.filter(pk__in=over, state=State.TAKEN).update(wrapped_key=None)
    return len(over)


def fetched(export: Export, *, key: bytes) -> Iterator[bytes]:
    """Yield the bytes of a copy that was taken."""
    return packing.unpack(export.pk, key=key)


def _person(actor: Actor) -> User:
    """Return the user who asks: nobody's copy is made unasked."""
    if actor.user is None:
        raise ValueError("a copy is asked for by a person")
    return actor.user


def _record(verb: str, export: Export, actor: Actor, at: datetime.datetime) -> None:
    new = {"export": str(export.pk), "channel": export.channel}
    record(verb=verb, actor=actor, subject_kind="member", subject_id=export.member_id, at=at, new=new)
