"""Recognising a customer whom the bank's own sign-in vouches for: a member is let in, anybody else only has to agree.

The bank has looked at his document and knows his number: no code is sent, nothing is typed again.
"""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from foundation.access.models import Branch, User
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.masking import mask_name, mask_phone
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import joining
from members.consent_texts import Channel
from members.details import Details
from members.models import Enrolment, Member
from members.reports import well_written
from members.sealing import hash_of, seal


class CustomerUnclear(Refusal):
    code = "customer_unclear"
    sentence = _("What the bank says of you does not fit what we know. Please come to your branch with your document.")


class MembershipOver(Refusal):
    code = "membership_over"
    status = 403
    sentence = _("This membership is not open, or its sign-in is blocked. Please come to your branch.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Customer:
    """A customer as the bank's sign-in describes him: his number at the bank, and his details in one form."""

    number: str
    details: Details

    @classmethod
    def of(
        cls,
        claims: Mapping[str, Any],
        *,
        number_claim: str,
        document_claim: str,
        language: str,
        today: datetime.date,
    ) -> "Customer":
        """Read the claims of an ID token; refuses customer_unclear without a number or a name.

        A phone number, mail address, birth date or document that can't be one, or a contact that is not verified, is left out.
        """
        number = str(claims.get(number_claim) or "").strip()
        if not well_written(number, most=20):
            raise CustomerUnclear
        typed: dict[str, Any] = {
            "full_name": str(claims.get("name") or "")[:400],
            "phone": str(claims.get("phone_number") or "") if claims.get("phone_number_verified") is True else "",
            "email": str(claims.get("email") or "") if claims.get("email_verified") is True else "",
            "national_id": str(claims.get(document_claim) or ""),
            "birth_date": _date(claims.get("birthdate")),
        }
        for field in Details.of(**typed, language=language).faults(today=today):
            if field == "full_name":
                raise CustomerUnclear
            typed[field] = None if field == "birth_date" else ""
        return cls(number=number, details=Details.of(**typed, language=language))


def recognise(*, number: str, national_id: str, for_update: bool = False) -> Member | None:
    """Return the member of a customer's number or document, in whatever state he is; refuses customer_unclear where they differ."""
    document = hash_of("national_id", national_id)
    known = Q(number=number) | (Q(person__national_id_hash=document) if document else Q(pk__in=[]))
    members = Member.objects.select_related("user", "person").filter(known).order_by("pk")
    found = list(members.select_for_update(of=("self",)) if for_update else members)
    numbered = [member for member in found if member.number == number]
    if not found:
        return None
    member = (numbered or found)[0]
    kept = getattr(getattr(member, "person", None), "national_id_hash", None)
    if len(found) > 1 or (document and kept is not None and bytes(kept) != document):
        raise CustomerUnclear
    return member


@in_transaction
def let_in(*, customer: Customer, at: datetime.datetime, actor: Actor) -> User | None:
    """Return the user of the customer who is a member, made where he had none; None for somebody who has yet to join.

    Refuses customer_unclear, membership_over.
    """
    found = recognise(number=customer.number, national_id=customer.details.national_id, for_update=True)
    if found is None or Member.objects.invited().filter(pk=found.pk).exists():
        return None
    if not Member.objects.joined().filter(pk=found.pk).exists():
        raise MembershipOver
    if found.user is None:
        user = User(username=found.number)
        user.set_unusable_password()
        user.save()
        Member.objects.filter(pk=found.pk).update(user=user)
        record(verb="recognising.let_in", actor=actor, subject_kind="member", subject_id=found.pk, at=at)
        return user
    if not found.user.is_active or found.user.is_staff:
        raise MembershipOver
    return found.user


@in_transaction
def begin(*, customer: Customer, today: datetime.date, at: datetime.datetime, actor: Actor) -> Enrolment:
    """Begin the enrolment of a customer who is vouched for: verified at once, all his details filled in, only his yes is missing.

    Refuses no_branch.
    """
    branch = Branch.objects.filter(parent=None).order_by("pk").first()
    if branch is None:
        raise joining.NoBranch
    details = customer.details
    enrolment = Enrolment(
        reference=joining.new_reference(),
        state=Enrolment.State.VERIFIED,
        via=Enrolment.Via.SMS if details.phone or not details.email else Enrolment.Via.MAIL,
        begun_on=Channel.BANKING,
        branch=branch,
        language=details.language,
        masked_name=mask_name(details.full_name),
        masked_contact=mask_phone(details.phone) if details.phone else joining.mask_email(details.email),
        vouched_number=customer.number,
        started_at=at,
        verified_at=at,
        expires_at=at + joining.LASTS,
    )
    enrolment.wrapped_key, enrolment.sealed = seal(details.personal(), bound_to=f"enrolment:{enrolment.pk}")
    enrolment.save(force_insert=True)
    new = {"reference": enrolment.reference, "channel": Channel.BANKING.value}
    record(verb="recognising.begin", actor=actor, subject_kind="enrolment", subject_id=enrolment.pk, at=at, new=new)
    return enrolment


def _date(told: Any) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(told))
    except ValueError:
        return None
