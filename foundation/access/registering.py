"""Registering the bank's own apps: a public client that members let act for them."""

import datetime
import re
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from foundation.access.models import COMES_BACK_TO, SystemClient
from foundation.access.scopes import OF_MEMBERS
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.refusals import Refusal
from foundation.transactions import in_transaction


class AddressNotItsOwn(Refusal):
    code = "address_not_its_own"
    status = 422
    sentence = _(
        "%(address)s is no address of an app: https://…, a scheme with a dot (com.example.app:/…), or 127.0.0.1."
    )


class ScopeUnknown(Refusal):
    code = "scope_unknown"
    status = 422
    sentence = _("An app has no scope %(scope)s: it may have %(known)s.")


class ClientKnown(Refusal):
    code = "client_known"
    sentence = _("There is a client of this id already.")


@in_transaction
def register(
    *,
    client_id: str,
    name: str,
    addresses: Sequence[str],
    scopes: Sequence[str],
    at: datetime.datetime,
    actor: Actor,
) -> SystemClient:
    """Register an app under the name that members read, with the addresses it is called back at and the scopes it may ask for.

    Refuses address_not_its_own, scope_unknown, client_known.
    """
    for address in addresses:
        if not re.fullmatch(COMES_BACK_TO, address):
            raise AddressNotItsOwn(field="addresses", address=address)
    for scope in scopes:
        if scope not in OF_MEMBERS:
            raise ScopeUnknown(field="scopes", scope=scope, known=" ".join(OF_MEMBERS))
    app, is_new = SystemClient.objects.get_or_create(
        client_id=client_id,
        defaults={
            "name": name,
            "client_type": SystemClient.CLIENT_PUBLIC,
            "authorization_grant_type": SystemClient.GRANT_AUTHORIZATION_CODE,
            "client_secret": "",
            "redirect_uris": " ".join(addresses),
            "scopes": list(scopes),
        },
    )
    if not is_new:
        raise ClientKnown(field="client_id")
    new = {"name": name, "addresses": list(addresses), "scopes": list(scopes)}
    record(verb="registering.register", actor=actor, subject_kind="client", subject_id=client_id, at=at, new=new)
    return app
