"""What a person has granted to apps: which act for him, and the end of it: of one app, of a stolen token's family, of all at once.

Tokens are opaque and stand in the database by their SHA-256 only. Who issues one (issuing.py) and who ends them take the same
lock, the user's row: nothing is issued that an end has overtaken.
"""

import dataclasses
import datetime
import uuid

from django.conf import settings
from django.db.models import Min, OuterRef, Subquery
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AccessToken, Grant, RefreshToken, clear_expired

from foundation.access.models import SystemClient, User
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.messaging.sending import owe_message
from foundation.refusals import Refusal
from foundation.transactions import in_transaction

# To the member whose app's token somebody used a second time.
STOLEN = "app_token_stolen"
# How long an app stays connected that nobody uses.
KEPT = datetime.timedelta(seconds=int(f"{settings.OAUTH2_PROVIDER['REFRESH_TOKEN_EXPIRE_SECONDS']}"))


class AppNotConnected(Refusal):
    code = "app_not_connected"
    status = 404
    sentence = _("This app is not connected to your membership.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connection:
    """An app that may act for a person: since when, when it last asked for a token (every ten minutes while it is used), for what."""

    app: SystemClient
    since: datetime.datetime
    used_at: datetime.datetime
    scopes: list[str]


def connected(*, user: User, at: datetime.datetime) -> list[Connection]:
    """Return the apps that may act for the user, the one last used first; one query."""
    family = RefreshToken.objects.filter(token_family=OuterRef("token_family")).order_by().values("token_family")
    live = RefreshToken.objects.filter(user=user, revoked=None, access_token__expires__gt=at - KEPT)
    rows = live.select_related("application", "access_token").annotate(
        since=Subquery(family.annotate(first=Min("created")).values("first"))
    )
    found: dict[int, Connection] = {}
    for row in rows.order_by("-created", "-pk"):
        scopes, known = row.access_token.scope.split(), found.get(row.application_id)
        found[row.application_id] = Connection(
            app=row.application,
            since=min(row.since, known.since) if known else row.since,
            used_at=known.used_at if known else row.created,
            scopes=sorted({*scopes, *(known.scopes if known else ())}),
        )
    return list(found.values())


def lock(*, user: User) -> bool:
    """Hold the user's tokens until the transaction ends; tell whether he may sign in at all."""
    return bool(list(User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True).values_list("pk")))


@in_transaction
def keep_allowed(*, user: User, app: SystemClient, scopes: list[str], at: datetime.datetime, actor: Actor) -> None:
    """Keep on the trail that the user lets an app act for him."""
    new = {"app": app.client_id, "scopes": scopes}
    record(verb="grants.allow", actor=actor, subject_kind="user", subject_id=user.pk, at=at, new=new)


@in_transaction
def disconnect(*, user: User, app_id: int, at: datetime.datetime, actor: Actor) -> None:
    """End what an app may do for the user: all its tokens are dead at once. Refuses app_not_connected."""
    lock(user=user)
    app = SystemClient.objects.filter(pk=app_id).first()
    if app is None or not _end(at=at, user=user, application=app):
        raise AppNotConnected
    old = {"app": app.client_id}
    record(verb="grants.disconnect", actor=actor, subject_kind="user", subject_id=user.pk, at=at, old=old)


@in_transaction
def revoke_all(*, user: User, at: datetime.datetime, actor: Actor, reason: str = "") -> int:
    """End what any app may do for the user, at once: after a new password, on signing out everywhere, when he is disabled or leaves.

    Returns how many apps' sign-ins ended; where there were none, nothing is written. As many statements for one as for a hundred.
    """
    lock(user=user)
    ended = _end(at=at, user=user)
    if ended:
        old = {"sign_ins": ended}
        record(
            verb="grants.revoke_all",
            actor=actor,
            subject_kind="user",
            subject_id=user.pk,
            at=at,
            old=old,
            reason=reason,
        )
    return ended


@in_transaction
def end_family(*, family: uuid.UUID, user: User, at: datetime.datetime, actor: Actor) -> bool:
    """End every token that descends from one sign-in of an app, since one of them was used twice, and owe the user a word of it.

    Either the app or a thief used it first: nobody can tell which. Returns whether anything was left to end.
    """
    lock(user=user)
    tokens = AccessToken.objects.filter(refresh_token__token_family=family)
    app_id = tokens.values_list("application__client_id", flat=True).first()
    tokens.delete()
    ended = RefreshToken.objects.filter(token_family=family, revoked=None).update(revoked=at, updated=at)
    if ended:
        owe_message(kind=STOLEN, key=f"{STOLEN}/{family}", about=str(user.pk))
        old = {"app": app_id, "family": str(family)}
        record(verb="grants.end_family", actor=actor, subject_kind="user", subject_id=user.pk, at=at, old=old)
    return bool(ended)


def forget() -> None:
    """Delete the tokens and codes whose time is over, a batch a transaction (the library's own sweep, by its own clock)."""
    clear_expired()


def _end(*, at: datetime.datetime, **whose: object) -> int:
    """End the tokens and codes that `whose` names (user, application); return how many sign-ins of apps were alive."""
    Grant.objects.filter(**whose).delete()
    # What lives is kept for its hash: a token that comes later is known as one that was ended.
    ended = RefreshToken.objects.filter(**whose, revoked=None).update(revoked=at, updated=at, access_token=None)
    AccessToken.objects.filter(**whose).delete()
    return ended
