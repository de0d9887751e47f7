"""Telling people what happened to their sign-in: owed to the outbox with the change, written where their contact is known."""

import datetime
import uuid

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from foundation.access.models import User
from foundation.messaging.sending import owe_message
from foundation.transactions import in_transaction

NOTICE = "security"


class Happened(TextChoices):
    """What is told, and in which words."""

    NEW_DEVICE = "new_device", _("Somebody signed in to your membership with a new device at %(at)s.")
    FACTORS_CHANGED = "factors_changed", _("A second factor of your sign-in was changed at %(at)s.")
    FACTORS_RESET = (
        "factors_reset",
        _("The second factors of your sign-in were taken away at %(at)s, as was asked for."),
    )
    RECOVERY_CODE_USED = "recovery_code_used", _("A recovery code was used for your sign-in at %(at)s.")
    PASSWORD_CHANGED = "password_changed", _("Your password was changed at %(at)s.")
    CONTACT_CHANGED = "contact_changed", _("The number or address of your membership was changed at %(at)s.")


NEW_DEVICE, FACTORS_CHANGED, FACTORS_RESET = Happened.NEW_DEVICE, Happened.FACTORS_CHANGED, Happened.FACTORS_RESET
RECOVERY_CODE_USED, PASSWORD_CHANGED = Happened.RECOVERY_CODE_USED, Happened.PASSWORD_CHANGED


@in_transaction
def tell(*, user: User, what: Happened, at: datetime.datetime, about: str = "") -> None:
    """Owe the user a word about what happened; `about` names a row of what it is about, where the writer needs it."""
    owe_message(kind=NOTICE, key=f"security/{uuid.uuid4()}", about=f"{user.pk} {what.value} {at.isoformat()} {about}")


def read(about: str) -> tuple[int, Happened, datetime.datetime, str]:
    """Return what an owed word says: to which user, what, when, and about which row."""
    user, what, at, row = about.split(" ", 3)
    return int(user), Happened(what), datetime.datetime.fromisoformat(at), row
