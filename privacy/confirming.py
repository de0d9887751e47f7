"""Asking a signed-in member once more who he is, before he fetches his data or has it destroyed: his password, or a code to his contact.

One function, `confirm`: what asks for a second factor in general may take its place.
"""

import datetime
import uuid

from django.utils.translation import gettext_lazy as _

from foundation.access.models import User
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.audit.recording import record
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import verifying
from members.models import Member, OneTimeCode
from members.sealing import open_person

VERB = "privacy.confirm_refused"
MOST_TRIES, SPAN = 5, datetime.timedelta(hours=1)


class ConfirmationRefused(Refusal):
    code = "confirmation_refused"
    status = 403
    sentence = _("This is not your password, or not the code that was sent to you.")


class TooManyTries(Refusal):
    code = "too_many_tries"
    status = 429
    sentence = _("Too many wrong tries. Please wait an hour.")
    retry_after_seconds = 3600


class NoContact(Refusal):
    code = "no_contact"
    sentence = _("The bank knows no phone number or mail address of yours. Please come to your branch.")


@in_transaction
def send_code(*, member: Member, at: datetime.datetime, actor: Actor) -> OneTimeCode:
    """Send a code to the member's own phone, or mail address. Refuses no_contact, too_many_codes."""
    data = open_person(member.person)
    to_kind, to = ("phone", data.phone) if data.phone else ("email", data.email)
    if not to:
        raise NoContact
    return verifying.send(
        purpose=OneTimeCode.Purpose.SIGN_IN,
        form=OneTimeCode.Form.DIGITS,
        to_kind=to_kind,
        to=to,
        member=member,
        at=at,
        actor=actor,
    )


@in_transaction
def confirm(
    *,
    user: User,
    password: str = "",
    code_id: uuid.UUID | None = None,
    code: str = "",
    at: datetime.datetime,
    actor: Actor,
) -> bool:
    """Tell whether the password is the user's, or the code one that was sent to him; a wrong try is counted, in the audit trail.

    It says no rather than refuse, since a refusal would take the count back: who calls it commits first and refuses then.
    Refuses too_many_tries after MOST_TRIES in SPAN.
    """
    # Two tries at once can't both be the last.
    User.objects.select_for_update().get(pk=user.pk)
    if AuditEvent.objects.filter(actor=user, at__gt=at - SPAN, verb=VERB).count() >= MOST_TRIES:
        raise TooManyTries
    if password and user.check_password(password):
        return True
    if code_id and code:
        used = verifying.use(code_id=code_id, given=code, purposes=[OneTimeCode.Purpose.SIGN_IN], at=at, actor=actor)
        if used and used.member and used.member.user_id == user.pk:
            return True
    record(verb=VERB, actor=actor, subject_kind="user", subject_id=user.pk, at=at)
    return False
