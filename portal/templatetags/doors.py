"""The doors that a page can offer."""

from django import template

from foundation.access import vouching

register = template.Library()


@register.simple_tag
def has_bank_sign_in() -> bool:
    """Tell whether members can come by the bank's own sign-in."""
    return vouching.is_on()
