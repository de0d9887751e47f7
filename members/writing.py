"""Writing messages to people: the code, the link, the welcome, the invitation, and the word to a member whose details somebody else gave.

The address is unsealed here, as the message is sent; nothing of it is kept or logged.
"""

import datetime
import uuid
from collections.abc import Callable, Sequence

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from foundation.access import noticing
from foundation.access.models import User
from foundation.messaging.providers import MAIL, SMS, Message
from foundation.outbox.models import Obligation
from members import contacting, inviting, joining, preferring, verifying
from members.codes import OneTimeCode
from members.models import ContactChange, Member
from members.preferences import Topic, Way
from members.sealing import PersonalData, open_person

FILE_REVIEW = "file_review"
Form, Purpose = OneTimeCode.Form, OneTimeCode.Purpose


def write_codes(owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]:
    """Write each code to whom it belongs; nothing for decoys that are nobody's, for what is over, used or replaced."""
    codes = OneTimeCode.objects.select_related("enrolment__known_member__person", "member__person", "contact_change")
    found = {str(code.pk): code for code in codes.filter(pk__in=[one.payload["about"] for one in owed])}
    return [_code(one.key, found.get(one.payload["about"]), at) for one in owed]


def write_welcomes(owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]:
    """Write each new member his welcome."""
    members = Member.objects.select_related("person").in_bulk([one.member_id for one in owed])
    return [_welcome(one.key, members.get(one.member_id)) for one in owed]


def write_invitations(owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]:
    """Write each invitation; nothing to who has joined meanwhile, or has said no."""
    members = inviting.invitable(Member.objects.select_related("person", "preference")).in_bulk(
        [one.member_id for one in owed]
    )
    return [_to_owed(one, members.get(one.member_id), _invitation_text) for one in owed]


def write_dormancy_notices(owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]:
    """Write each notice that a membership falls asleep; nothing to who has done something meanwhile, or is no active member."""
    members = Member.objects.joined().filter(status="active").select_related("person", "preference")
    found = members.in_bulk([one.member_id for one in owed])
    return [_to_owed(one, found.get(one.member_id), _dormancy_text) for one in owed]


def _to_owed(one: Obligation, member: Member | None, write: Callable[[Member, Obligation], str]) -> Message | None:
    """Write what is owed to a member by the first way that he has left on for its topic and has a contact for."""
    if member is None or not hasattr(member, "person"):
        return None
    data = open_person(member.person)
    preference = getattr(member, "preference", None)
    contacts = {Way.SMS: data.phone, Way.MAIL: data.email}
    way = next((way for way in preferring.ways(preference, topic=Topic(one.payload["topic"])) if contacts[way]), None)
    if way is None:
        return None
    via = SMS if way == Way.SMS else MAIL
    with override(member.language or settings.LANGUAGE_CODE):
        return Message(key=one.key, via=via, to=contacts[way], subject=_("Your membership"), text=write(member, one))


def write_merged(owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]:
    """Write each member, one of whose two records was merged into the other, which of them he has from now on."""
    members = Member.objects.select_related("person").in_bulk([one.member_id for one in owed])
    gone = Member.objects.in_bulk([int(one.payload["about"]) for one in owed])
    return [
        _to_member(one.key, members[one.member_id], _merged_text(gone[int(one.payload["about"])]), None) for one in owed
    ]


def write_reviews(owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]:
    """Ask each member to look through his details; nobody whose review was done meanwhile."""
    members = Member.objects.select_related("person", "file").in_bulk([one.member_id for one in owed])
    asked = [(one, members.get(one.member_id)) for one in owed]
    return [
        _to_member(one.key, member, _review_text, None)
        if member and hasattr(member, "file") and f"{member.file.due_on}" == one.payload["about"]
        else None
        for one, member in asked
    ]


def write_of_stolen_tokens(owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]:
    """Tell each member whose app was signed out since somebody used one of its tokens a second time; `about` is his user's id."""
    members = Member.objects.select_related("person").filter(user_id__in=[one.payload["about"] for one in owed])
    found = {str(member.user_id): member for member in members}
    return [_stolen(one.key, found.get(one.payload["about"])) for one in owed]


def _stolen(key: str, member: Member | None) -> Message | None:
    return _to_member(key, member, _stolen_text, None) if member else None


def _code(key: str, code: OneTimeCode | None, at: datetime.datetime) -> Message | None:
    if code is None or code.used_at or code.replaced_at or code.expires_at <= at:
        return None
    if code.member and code.purpose == Purpose.CONTACT:
        return _to_new_contact(key, code, code.member)
    if code.member:
        return _to_member(key, code.member, _sign_in_text, code)
    if code.enrolment is None or code.enrolment.wrapped_key is None:
        return None
    if code.enrolment.known_member:
        return _to_member(key, code.enrolment.known_member, _known_text, code)
    data = joining.data_of(code.enrolment)
    via, to = (SMS, data.phone) if code.enrolment.via == SMS else (MAIL, data.email)
    with override(code.enrolment.language):
        return Message(key=key, via=via, to=to, subject=_("Your membership"), text=_enrol_text(code))


def _welcome(key: str, member: Member | None) -> Message | None:
    return _to_member(key, member, _welcome_text, None) if member else None


def _to_member(key: str, member: Member, write, code: OneTimeCode | None) -> Message | None:
    data = open_person(member.person) if hasattr(member, "person") else PersonalData()
    via, to = (SMS, data.phone) if data.phone else (MAIL, data.email)
    if not to:
        return None
    with override(member.language or settings.LANGUAGE_CODE):
        return Message(key=key, via=via, to=to, subject=_("Your membership"), text=write(member, code))


def _enrol_text(code: OneTimeCode) -> str:
    secret = verifying.secret_of(code)
    reference = code.enrolment.reference if code.enrolment else ""
    if code.form == Form.LINK:
        link = f"{settings.SITE_URL}/join/link/{code.pk}/{secret}"
        said = _("Go on with your membership here, within 24 hours: %(link)s (reference %(reference)s)")
        return said % {"link": link, "reference": reference}
    said = _("%(code)s is your code to join, for ten minutes. Reference: %(reference)s. Tell it to nobody.")
    return said % {"code": secret, "reference": reference}


def _to_new_contact(key: str, code: OneTimeCode, member: Member) -> Message | None:
    secret = {"code": verifying.secret_of(code)}

    def text() -> str:
        return _("%(code)s is your code to be reached here from now on, for ten minutes. Tell it to nobody.") % secret

    return _to(key, member, contacting.contact_of(code.contact_change), text)


def write_notices(owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]:
    """Write each word about a sign-in to the member whose it is, or to the mail address of one of the staff."""
    return [_notice(one) for one in owed]


def _notice(owed: Obligation) -> Message | None:
    user_id, happened, at, row = noticing.read(owed.payload["about"])
    told_at = timezone.localtime(at, timezone.get_default_timezone())
    told = f"{told_at:%Y-%m-%d %H:%M}"

    def text() -> str:
        more = _("Was it not you? Change your password, and tell the bank: %(link)s")
        link = {"link": f"{settings.SITE_URL}/security/"}
        return " ".join([str(happened.label) % {"at": told}, more % link])

    member = Member.objects.select_related("person").filter(user=user_id).first()
    if member is None:
        user = User.objects.filter(pk=user_id).first()
        if user is None or not user.email:
            return None
        with override(settings.LANGUAGE_CODE):
            return Message(key=owed.key, via=MAIL, to=user.email, subject=_("Your sign-in"), text=text())
    if row:
        which, _colon, code_id = row.partition(":")
        change = ContactChange.objects.filter(pk=uuid.UUID(code_id)).first()
        if change is None:
            return None
        to = contacting.contact_before(change) if which == "before" else contacting.contact_of(change)
        return _to(owed.key, member, to, text)
    return _to(owed.key, member, open_person(member.person) if hasattr(member, "person") else PersonalData(), text)


def _to(key: str, member: Member, data: PersonalData, text: Callable[[], str]) -> Message | None:
    """Return a message to the phone of `data`, else its mail address, in the member's language; None where there is neither."""
    via, to = (SMS, data.phone) if data.phone else (MAIL, data.email)
    if not to:
        return None
    with override(member.language or settings.LANGUAGE_CODE):
        return Message(key=key, via=via, to=to, subject=_("Your sign-in"), text=text())


def _sign_in_text(member: Member, code: OneTimeCode | None) -> str:
    if code and code.purpose == Purpose.CONFIRM:
        said = _("%(code)s is your code to confirm that it is you, for ten minutes. The bank never asks for it.")
        return said % {"code": verifying.secret_of(code)}
    said = _("%(code)s is your code to sign in, for ten minutes. Tell it to nobody: the bank never asks for it.")
    return said % {"code": verifying.secret_of(code) if code else ""}


def _known_text(member: Member, code: OneTimeCode | None) -> str:
    said = _("Somebody wants to join with your details, but you are a member already. Was it you? Sign in: %(link)s")
    return said % {"link": f"{settings.SITE_URL}/accounts/login/"}


def _invitation_text(member: Member, one: Obligation) -> str:
    said = _("You are collecting points with us already. Join in two minutes to use them: %(link)s")
    return said % {"link": f"{settings.SITE_URL}/join"}


def _dormancy_text(member: Member, one: Obligation) -> str:
    _kind, _last_act, asleep_on = one.key.split("/")
    day = date_format(datetime.date.fromisoformat(asleep_on), "DATE_FORMAT")
    said = _(
        "Your membership falls asleep on %(date)s. Sign in once and it stays awake, with all your points: %(link)s"
    )
    return said % {"date": day, "link": f"{settings.SITE_URL}/"}


def _welcome_text(member: Member, code: OneTimeCode | None) -> str:
    said = _("Welcome. Your member number is %(number)s. Your points and what earns them: %(link)s")
    return said % {"number": member.number, "link": f"{settings.SITE_URL}/"}


def _merged_text(gone: Member) -> Callable[[Member, OneTimeCode | None], str]:
    def text(member: Member, code: OneTimeCode | None) -> str:
        said = _(
            "Your memberships %(gone)s and %(number)s are one now: %(number)s. All your points are there: %(link)s"
        )
        return said % {"gone": gone.number, "number": member.number, "link": f"{settings.SITE_URL}/"}

    return text


def _review_text(member: Member, code: OneTimeCode | None) -> str:
    said = _("Are your details still right? Please look through them: %(link)s")
    return said % {"link": f"{settings.SITE_URL}/me/details"}


def _stolen_text(member: Member, code: OneTimeCode | None) -> str:
    said = _(
        "An app was signed out of your membership: somebody may have copied its key. Sign in to it again,"
        " or call us if it is not yours. Your apps: %(link)s"
    )
    return said % {"link": f"{settings.SITE_URL}/me/apps"}
