"""Working on drafts of rule books: begun from something, saved as often as one likes, set aside or proposed."""

import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.approvals.digesting import digest_of
from foundation.approvals.models import Request
from foundation.approvals.requesting import day_of, person
from foundation.audit.recording import record
from foundation.masking import HIDDEN
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from tiers import reading
from tiers.compiling import Ladder
from tiers.forming import BY_TIER, LONGEST
from tiers.models import Draft, Programme, RuleBook

RULE_BOOK = "tiers.rule_book"
LONGEST_NAME = 80
# A programme has a few tiers with a few conditions each; what is larger was not typed by anybody.
MOST_CONDITIONS = 400


class NoSuchDraft(Refusal):
    code = "no_such_draft"
    status = 404
    sentence = _("There is no such draft.")


class DraftClosed(Refusal):
    code = "draft_closed"
    sentence = _("This draft was approved or set aside. Begin a new one from it.")


class DraftAsked(Refusal):
    code = "draft_asked"
    sentence = _("This draft waits for a decision. Take the request back to change it.")


class DraftChanged(Refusal):
    code = "draft_changed"
    sentence = _("Somebody has saved this draft meanwhile. Nothing of yours was; look at it once more.")


class NameMissing(Refusal):
    code = "name_missing"
    status = 422
    sentence = _("Give the draft a name of 1 to 80 characters.")


class TooManyConditions(Refusal):
    code = "too_many_conditions"
    status = 422
    sentence = _("A rule book has 400 conditions at most.")


class MalformedRules(Refusal):
    code = "malformed_rules"
    status = 422
    sentence = _("These are no rules: a term is a short text or a whole number, a condition a table of such terms.")


@in_transaction
def begin(
    *,
    programme: Programme,
    name: str,
    document: dict[str, Any],
    based_on: RuleBook | None = None,
    actor: Actor,
    at: datetime.datetime,
) -> Draft:
    """Begin a draft from a document: a version's (`based_on`), a template's, or {}. Refuses name_missing, too_many_conditions,
    malformed_rules."""
    user, _number = person(actor)
    draft = Draft.objects.create(
        programme=programme,
        name=_named(name),
        document=_kept(document),
        digest=digest_of(document),
        based_on=based_on,
        edited_by=user,
        edited_at=at,
    )
    kept = {"programme": programme.code, "name": draft.name, "digest": draft.digest}
    record(verb="tiers.begin_draft", actor=actor, subject_kind="draft", subject_id=draft.pk, at=at, new=kept)
    return draft


@in_transaction
def save(
    *, draft_id: int, name: str, document: dict[str, Any], seen: str, actor: Actor, at: datetime.datetime
) -> Draft:
    """Keep what was typed, in order or not; `seen` is the digest that it was typed over.

    Refuses no_such_draft, draft_closed, draft_asked, draft_changed, name_missing, too_many_conditions, malformed_rules.
    """
    user, _number = person(actor)
    draft = changeable(draft_id)
    if draft.digest != seen:
        raise DraftChanged
    old = {"name": draft.name, "digest": draft.digest}
    draft.name, draft.document, draft.digest = _named(name), _kept(document), digest_of(document)
    new = {"name": draft.name, "digest": draft.digest}
    if new == old:
        return draft
    draft.edited_by, draft.edited_at = user, at
    draft.save(update_fields=["name", "document", "digest", "edited_by", "edited_at"])
    record(verb="tiers.save_draft", actor=actor, subject_kind="draft", subject_id=draft.pk, at=at, old=old, new=new)
    return draft


@in_transaction
def discard(*, draft_id: int, actor: Actor, at: datetime.datetime) -> Draft:
    """Set a draft aside; it stays to be read. Refuses no_such_draft, draft_closed, draft_asked."""
    user, _number = person(actor)
    draft = changeable(draft_id)
    draft.state, draft.edited_by, draft.edited_at = Draft.State.SET_ASIDE, user, at
    draft.save(update_fields=["state", "edited_by", "edited_at"])
    record(verb="tiers.discard_draft", actor=actor, subject_kind="draft", subject_id=draft.pk, at=at)
    return draft


def changeable(draft_id: int) -> Draft:
    """Return the draft, locked, if it may be changed now; else refuse."""
    draft = Draft.objects.select_for_update(of=("self",)).select_related("programme").filter(pk=draft_id).first()
    if draft is None:
        raise NoSuchDraft
    if draft.state != Draft.State.OPEN:
        raise DraftClosed
    if request_for(draft) is not None:
        raise DraftAsked
    return draft


def request_for(draft: Draft) -> Request | None:
    """Return the request that asks for this draft and waits for a decision, if there is one."""
    return Request.objects.filter(kind=RULE_BOOK, content_key=content_key(draft), status=Request.Status.PENDING).first()


def content_key(draft: Draft) -> str:
    """Return what must not be asked for twice at a time: this draft."""
    return f"draft/{draft.pk}"


def ladder_of(draft: Draft, *, at: datetime.datetime) -> Ladder:
    """Return the rules of a draft that is in order; refuses invalid_rule_book with every complaint."""
    return reading.ladder_of(document=draft.document, programme=draft.programme, in_force_from=day_of(at))


def _named(name: str) -> str:
    name = " ".join(HIDDEN.sub(" ", name).split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise NameMissing(field="name")
    return name


def _kept(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document that a draft can keep and a form can show; refuses too_many_conditions, malformed_rules."""
    conditions = document.get("conditions", [])
    if isinstance(conditions, list) and len(conditions) > MOST_CONDITIONS:
        raise TooManyConditions
    for key, value in document.items():
        if key == "conditions":
            fits = isinstance(value, list) and all(isinstance(one, dict) and _is_condition(one) for one in value)
        elif key in BY_TIER:
            fits = isinstance(value, dict) and all(map(_is_plain, [*value, *value.values()]))
        else:
            fits = _is_plain(value)
        if not (fits and _is_plain(key)):
            raise MalformedRules(field="rules")
    return document


def _is_condition(condition: dict[str, Any]) -> bool:
    return all(
        _is_plain(key) and (all(map(_is_plain, value)) if isinstance(value, list) else _is_plain(value))
        for key, value in condition.items()
    )


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a number or a text that people could have typed."""
    if isinstance(value, str):
        return len(value) <= LONGEST and not HIDDEN.search(value)
    return isinstance(value, int) and abs(value) < 10**15
