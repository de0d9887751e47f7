"""Filling in facts: the form field of each, for staff's form and the member's own."""

from typing import Any

from django import forms

from foundation.web.fields import Day
from members.facts import CHOICE, CHOICES, DATE, Fact


def field_of(fact: Fact, *, empty: Any, boxes: bool = False) -> forms.Field:
    """Return the form field of a fact, its empty choice in the words `empty`; several choices as `boxes` to tick, else as a list."""
    common: dict[str, Any] = {"label": fact.label, "required": False}
    if fact.form == CHOICE:
        return forms.ChoiceField(choices=[("", empty), *fact.choices.items()], **common)
    if fact.form == CHOICES:
        widget = forms.CheckboxSelectMultiple if boxes else forms.SelectMultiple
        return forms.MultipleChoiceField(choices=[*fact.choices.items()], widget=widget, **common)
    if fact.form == DATE:
        return forms.DateField(widget=Day, **common)
    return forms.CharField(max_length=400, widget=forms.TextInput(attrs={"autocomplete": "off"}), **common)


def written(value: Any) -> str:
    """Return a cleaned value as the text that a fact is read from."""
    return ",".join(value) if isinstance(value, list) else str(value or "")
