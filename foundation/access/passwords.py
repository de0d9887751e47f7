"""Changing one's password: whatever was signed in by the old one ends."""

import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from foundation.access import ending, noticing
from foundation.access.models import User
from foundation.access.posting import PasswordRefused
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.refusals import Refusal
from foundation.transactions import in_transaction


class WrongPassword(Refusal):
    code = "wrong_password"
    status = 422
    sentence = _("This is not your present password.")


@in_transaction
def change(*, user: User, current: str, new: str, at: datetime.datetime, actor: Actor) -> None:
    """Change the password of who knows the present one, or has none yet; end all his sessions and tokens (reliability.md G02).

    Refuses wrong_password, password_refused.
    """
    changed = User.objects.select_for_update().get(pk=user.pk)
    if changed.has_usable_password() and not changed.check_password(current):
        raise WrongPassword(field="current")
    try:
        validate_password(new, changed)
    except ValidationError as error:
        raise PasswordRefused(field="new", why=" ".join(error.messages)) from error
    changed.set_password(new)
    changed.secured_at = at
    changed.save(update_fields=["password", "secured_at"])
    ending.end_all(user=changed, at=at)
    noticing.tell(user=changed, what=noticing.PASSWORD_CHANGED, at=at)
    record(verb="access.change_password", actor=actor, subject_kind="user", subject_id=user.pk, at=at)
