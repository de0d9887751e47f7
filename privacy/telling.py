"""The word to a member that a copy of his data is ready: where to fetch it, nothing of what is in it."""

import datetime
from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from foundation.messaging.providers import MAIL, SMS, Message
from foundation.outbox.models import Obligation
from members.models import Member
from members.sealing import PersonalData, open_person


def write_ready(owed: Sequence[Obligation], *, at: datetime.datetime) -> list[Message | None]:
    """Write each member that his copy is ready; nothing to who has no contact, or was erased meanwhile."""
    members = Member.objects.select_related("person").in_bulk([one.member_id for one in owed])
    return [_ready(one.key, members.get(one.member_id)) for one in owed]


def _ready(key: str, member: Member | None) -> Message | None:
    data = open_person(member.person) if member and hasattr(member, "person") else PersonalData()
    via, to = (SMS, data.phone) if data.phone else (MAIL, data.email)
    if member is None or not to:
        return None
    with override(member.language or settings.LANGUAGE_CODE):
        said = _("The copy of your data is ready. Fetch it within 24 hours, once: %(link)s")
        return Message(
            key=key, via=via, to=to, subject=_("Your data"), text=said % {"link": f"{settings.SITE_URL}/me/data"}
        )
