"""What pages say of passkeys."""

from django import template
from django.conf import settings
from django.template.context import RequestContext

from foundation.access.factor_forms import relying_party

register = template.Library()


@register.simple_tag
def passkey_host() -> str:
    """Return the host at which passkeys work."""
    return relying_party()


@register.simple_tag(takes_context=True)
def passkey_site(context: RequestContext) -> str:
    """Return the page's own address at the host at which passkeys work; a demonstration is often opened by 127.0.0.1 instead."""
    request = context["request"]
    if settings.PRODUCTION or request.get_host().partition(":")[0] == relying_party():
        return ""
    port = request.get_port()
    return f"http://{relying_party()}:{port}{request.get_full_path()}"
