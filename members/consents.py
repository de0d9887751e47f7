"""Consents: given and withdrawn, purpose by purpose, for the version that was shown; and the question that marketing verbs ask."""

import dataclasses
import datetime
import hashlib
from collections.abc import Iterable, Sequence

from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.jobs import clock
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import moving, scoring
from members.consent_texts import REQUIRED
from members.models import Consent, ConsentText, Member, MemberQuerySet


class NoSuchPurpose(Refusal):
    code = "no_such_purpose"
    status = 404
    sentence = _("There is no text for this purpose.")


class TextOutdated(Refusal):
    code = "consent_text_outdated"
    sentence = _("The text has changed meanwhile. Read the new version, then say yes or no.")


class MembershipRestsOnIt(Refusal):
    code = "membership_rests_on_it"
    sentence = _("Your membership rests on this consent. To withdraw it, close your membership.")


class ConsentsChanged(Refusal):
    code = "precondition_failed"
    status = 412
    sentence = _("Your consents have changed since you read them. Read them again.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """A yes or no to one version of a purpose's text."""

    purpose: str
    version: int
    given: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stand:
    """How a member stands to a purpose: the text in force, and what he said last, if anything, to which version."""

    text: ConsentText
    last: Consent | None

    @property
    def holds(self) -> bool:
        """Tell whether the consent counts: he said yes, and to the version in force."""
        return self.last is not None and self.last.given and self.last.text_id == self.text.pk

    @property
    def is_outdated(self) -> bool:
        """Tell whether he said yes to another version than the one in force."""
        return self.last is not None and self.last.given and self.last.text_id != self.text.pk


def stands(*, member_id: int, on: datetime.date) -> list[Stand]:
    """Return how a member stands to each purpose on the date `on`, what the membership rests on first; two queries."""
    said = Consent.objects.filter(member_id=member_id).latest_each().select_related("text")
    last = {consent.text.purpose: consent for consent in said}
    return [Stand(text=text, last=last.get(text.purpose)) for text in asked(on=on)]


def asked(*, on: datetime.date) -> list[ConsentText]:
    """Return the texts in force on the date `on`, what a membership rests on first."""
    return sorted(ConsentText.objects.in_force(on), key=lambda text: (not text.is_required, text.pk))


def wanting(*, member_id: int, on: datetime.date) -> list[Stand]:
    """Return what the membership rests on and the member has not agreed to in the version in force: asked at his next visit."""
    return [stand for stand in stands(member_id=member_id, on=on) if stand.text.is_required and not stand.holds]


def is_wanting() -> Exists:
    """Return whether a member has something to agree to before he goes on, as an expression for a query of members that is asked anyway."""
    begun = ConsentText.objects.filter(purpose__in=REQUIRED, in_force_from__lte=TruncDate(clock.reading()))
    in_force = begun.order_by("purpose", "-in_force_from").distinct("purpose")
    agreed = Consent.objects.filter(member=OuterRef(OuterRef("pk")), text=OuterRef("pk"), given=True)
    return Exists(ConsentText.objects.filter(pk__in=in_force.values("pk")).filter(~Exists(agreed)))


def tag(found: Iterable[Stand]) -> str:
    """Return a short text that changes whenever the texts in force or the member's answers do: the ETag of his consents."""
    state = ";".join(f"{stand.text.pk}:{stand.last.pk if stand.last else ''}" for stand in found)
    return hashlib.sha256(state.encode()).hexdigest()[:32]


def allowing(members: MemberQuerySet, *, purpose: str, on: datetime.date) -> MemberQuerySet:
    """Keep the members who may be addressed for `purpose`: by their state, and their last word was a yes to the version in force.

    One statement for any number of members; served by consent_by_member.
    """
    said = Consent.objects.filter(member=OuterRef("pk"), text__purpose=purpose).order_by("-id")
    in_force = ConsentText.objects.filter(purpose=purpose, in_force_from__lte=on).order_by("-in_force_from")
    answers = members.addressed().alias(
        said=Subquery(said.values("given")[:1]), said_to=Subquery(said.values("text")[:1])
    )
    return answers.filter(said=True, said_to=Subquery(in_force.values("pk")[:1]))


def allows(*, member_id: int, purpose: str, on: datetime.date) -> bool:
    """Tell whether a member may be addressed for `purpose` on the date `on`."""
    return allowing(Member.objects.filter(pk=member_id), purpose=purpose, on=on).exists()


@in_transaction
def give(
    *,
    member_id: int,
    purpose: str,
    version: int,
    channel: str,
    today: datetime.date,
    at: datetime.datetime,
    actor: Actor,
) -> None:
    """Write that the member says yes to the version he was shown; refuses no_such_purpose, consent_text_outdated."""
    yes = Choice(purpose=purpose, version=version, given=True)
    choose([yes], member_id=member_id, channel=channel, today=today, at=at, actor=actor)


@in_transaction
def withdraw(
    *, member_id: int, purpose: str, channel: str, today: datetime.date, at: datetime.datetime, actor: Actor
) -> None:
    """Write that the member takes his yes back, whatever version it was to; refuses no_such_purpose, membership_rests_on_it."""
    text = ConsentText.objects.in_force(today).filter(purpose=purpose).first()
    if text is None:
        raise NoSuchPurpose(field="purpose")
    no = Choice(purpose=purpose, version=text.version, given=False)
    choose([no], member_id=member_id, channel=channel, today=today, at=at, actor=actor)


@in_transaction
def choose(
    choices: Sequence[Choice],
    *,
    member_id: int,
    channel: str,
    today: datetime.date,
    at: datetime.datetime,
    actor: Actor,
    seen: str | None = None,
) -> list[Stand]:
    """Write the member's answers, all or none; what he has said already is not written again. Return how he stands after it.

    With `seen`, the tag of what he read, refuses precondition_failed where that has changed. Refuses no_such_purpose,
    consent_text_outdated, membership_rests_on_it. A yes to everything that a membership rests on makes an invited member one
    who has joined.
    """
    # Locked, so that the last word is the last one, and one answer said twice at once is written once.
    member = Member.objects.select_for_update().get(pk=member_id)
    found = stands(member_id=member_id, on=today)
    if seen is not None and tag(found) != seen:
        raise ConsentsChanged
    by_purpose = {stand.text.purpose: stand for stand in found}
    written = []
    for choice in choices:
        stand = by_purpose.get(choice.purpose)
        _refuse(choice, stand)
        if stand and (stand.holds != choice.given if choice.given else stand.last is None or stand.last.given):
            written.append(Consent(member=member, text=stand.text, given=choice.given, at=at, channel=channel))
    if not written:
        return found
    Consent.objects.bulk_create(written)
    _record(written, member=member, channel=channel, at=at, actor=actor)
    # A fact is used no longer than the consent it is held under.
    scoring.score(members=[member_id], as_of=today)
    after = stands(member_id=member_id, on=today)
    if member.accepted_at is None and all(stand.holds for stand in after if stand.text.is_required):
        moving.accept(member_id=member_id, at=at, actor=actor)
    return after


def _refuse(choice: Choice, stand: Stand | None) -> None:
    if stand is None:
        raise NoSuchPurpose(field="purpose")
    if not choice.given and stand.text.is_required:
        raise MembershipRestsOnIt(field="given")
    if choice.given and choice.version != stand.text.version:
        raise TextOutdated(field="version")


def _record(written: Sequence[Consent], *, member: Member, channel: str, at: datetime.datetime, actor: Actor) -> None:
    said = {consent.text.code: "given" if consent.given else "withdrawn" for consent in written}
    record(
        verb="consents.choose",
        actor=actor,
        subject_kind="member",
        subject_id=member.pk,
        at=at,
        new={"channel": channel, "said": said},
    )
