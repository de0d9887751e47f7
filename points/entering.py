"""Entering how many points to use, in a form: at a counter or on a member's own page."""

import re

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from points.models import PURPOSES
from points.redeeming import MOST_POINTS

DIGITS = re.compile(r"[0-9]{1,19}\Z")


class PointsField(forms.IntegerField):
    """A whole number of points in plain figures, 1 to 10¹²."""

    default_error_messages = {"invalid": _("Points are a whole number in plain figures, as in 1200.")}

    def __init__(self, **options) -> None:
        super().__init__(min_value=1, max_value=MOST_POINTS, **options)

    def to_python(self, value: object) -> int | None:
        text = str(value or "").strip()
        if text and not DIGITS.match(text):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(text)


class UseForm(forms.Form):
    """How many points; `key` is made when the form is shown first, so that a second click finds the first one's."""

    points = PointsField(label=_("points to use"), widget=forms.TextInput(attrs={"inputmode": "numeric"}))
    key = forms.UUIDField(widget=forms.HiddenInput)


class PayForm(UseForm):
    """How many points, and whose: the member's own, or those that the head of his family lets him use."""

    pay_from = forms.ChoiceField(
        label=_("Whose points"),
        choices=[("own", _("My own")), ("family", _("The family's"))],
        widget=forms.RadioSelect,
        initial="own",
    )


class RedeemForm(UseForm):
    """How many points, and for what the bank gives."""

    purpose = forms.ChoiceField(label=_("for"), choices=list(PURPOSES.items()))
