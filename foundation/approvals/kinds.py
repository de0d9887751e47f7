"""What can be asked for under four eyes: each app registers its kinds in AppConfig.ready() (docs/approvals.md)."""

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from uuid import UUID

from foundation.access.models import User
from foundation.actors import Actor

Payload = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Aim:
    """One target of a request: what it is (`purse/17/1`), its version now, and how much of the request's amount falls on it."""

    subject: str
    version: str
    amount: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """One target as a checker reads it: its name, an address where the user may open it, its figure now and after."""

    target: str
    url: str
    what: Any
    before: str
    after: str
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """A request in words: what would be done in a sentence, its impact, the first of its changes, and how many more there are.

    `fixed` changes are texts whose before and after stay true once it is decided; others are figures of the moment.
    """

    sentence: Any
    impact: Any
    changes: Sequence[Change] = ()
    more: int = 0
    fixed: bool = False


class Verb(Protocol):
    """What a request asks for: called once, on approval; `versions` are those of its targets at the request, by subject.

    It returns what it did, as JSON, and refuses what it can't do.
    """

    def __call__(
        self,
        *,
        payload: Payload,
        request_id: UUID,
        reason: str,
        versions: dict[str, str],
        actor: Actor,
        as_of: datetime.date,
    ) -> dict[str, Any]: ...


class Words(Protocol):
    """What a request says to the user who reads it on a date."""

    def __call__(self, payload: Payload, *, user: User, as_of: datetime.date) -> Description: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of request: on approval its `verb` does what it asks for.

    `targets` gives the aims with their present versions, `worth` the money impact in minor units
    (signed; None: none), `describe` the words, `credits(payload, user)` says whether the user himself,
    by any account of his, or somebody who lives with him would gain; `permission_…` are permissions of
    foundation.access.roles; `ask_view` and `ask_label` lead from the list of requests to where one is made.
    """

    code: str
    label: Any
    verb: Verb
    describe: Words
    targets: Callable[[Payload], Sequence[Aim]]
    worth: Callable[[Payload], int | None]
    credits: Callable[[Payload, User], bool]
    permission_to_request: str
    permission_to_decide: str
    open_days: int = 14
    ask_view: str = ""
    ask_label: Any = ""


_registered: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind of request known; a code is given once."""
    if kind.code in _registered:
        raise ValueError(f"the kind of request {kind.code} is registered twice")
    _registered[kind.code] = kind


def kind_of(code: str) -> Kind:
    """Return the kind of that code; raises KeyError where no app registers it."""
    return _registered[code]


def registered() -> list[Kind]:
    """Return every kind, by code."""
    return [_registered[code] for code in sorted(_registered)]
