"""Proposing rules under four eyes: a draft that was rehearsed, an older version once more, or the withdrawal of a version to come."""

import datetime
import itertools
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from foundation.access.models import Branch, User
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload, Verb, Words
from foundation.approvals.models import Request
from foundation.money import number
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from tiers import contrasting, drafting, enacting, reading, rehearsing
from tiers.compiling import Ladder, load
from tiers.models import Programme, Rehearsal, RuleBook

WITHDRAW = "tiers.withdraw_rule_book"
ROLL_BACK = "tiers.roll_back"
MAY_PROPOSE = "tiers.propose_rulebook"
MAY_DECIDE = "tiers.decide_rulebook"


class NotRehearsed(Refusal):
    code = "not_rehearsed"
    status = 422
    sentence = gettext_lazy("Rehearse these rules to the end, exactly as they are, before you ask for them.")


class NothingToGoBackTo(Refusal):
    code = "nothing_to_go_back_to"
    sentence = gettext_lazy("This is the version in force, or one that never was; there is nothing to go back to.")


@in_transaction
def ask(
    *,
    id: UUID,
    draft_id: int,
    seen: str,
    in_force_from: datetime.date,
    protected_until: datetime.date | None,
    reason: str,
    actor: Actor,
    at: datetime.datetime,
) -> Request:
    """Ask for a draft to become the programme's next version; `seen` is the digest of what the asker read.

    Refuses what drafting.changeable, reading.ladder_of, enacting.check_start and requesting.request refuse; draft_changed,
    not_rehearsed.
    """
    if first := _first(id, actor=actor):
        return first
    draft = drafting.changeable(draft_id)
    if draft.digest != seen:
        raise drafting.DraftChanged
    programme = draft.programme
    reading.ladder_of(document=draft.document, programme=programme, in_force_from=in_force_from)
    enacting.check_start(programme, in_force_from, protected_until=protected_until, as_of=requesting.day_of(at))
    if rehearsing.latest(programme=programme, digest=draft.digest) is None:
        raise NotRehearsed
    return _request(
        id=id,
        kind=drafting.RULE_BOOK,
        payload={
            "programme": programme.pk,
            "draft": draft.pk,
            "document": draft.document,
            "digest": draft.digest,
            "in_force_from": in_force_from.isoformat(),
            "protected_until": protected_until.isoformat() if protected_until else None,
            "based_on": draft.based_on.number if draft.based_on else None,
            "replaces": _number_before(programme, in_force_from),
        },
        content_key=drafting.content_key(draft),
        reason=reason,
        actor=actor,
        at=at,
    )


@in_transaction
def ask_to_roll_back(
    *, id: UUID, book: RuleBook, protected_until: datetime.date | None, reason: str, actor: Actor, at: datetime.datetime
) -> Request:
    """Ask for a version equal to `book`, one that was in force before, from the first day possible when it is approved.

    Refuses nothing_to_go_back_to, what enacting.check_start and requesting.request refuse.
    """
    if first := _first(id, actor=actor):
        return first
    programme, today = book.programme, requesting.day_of(at)
    present = book_in_force(programme, as_of=today)
    if present is None or book.in_force_from >= present.in_force_from or hasattr(book, "withdrawal"):
        raise NothingToGoBackTo
    start = enacting.first_start(as_of=today)
    enacting.check_start(programme, start, protected_until=protected_until, as_of=today)
    return _request(
        id=id,
        kind=ROLL_BACK,
        payload={
            "programme": programme.pk,
            "to": book.number,
            "protected_until": protected_until.isoformat() if protected_until else None,
            "replaces": present.number,
        },
        content_key=f"{programme.pk}/{book.number}/{enacting.version_of(programme.pk)}",
        reason=reason,
        actor=actor,
        at=at,
    )


@in_transaction
def ask_to_withdraw(*, id: UUID, book: RuleBook, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask for the withdrawal of a version to come. Refuses already_withdrawn, in_force_already, and what requesting.request refuses."""
    if first := _first(id, actor=actor):
        return first
    enacting.check_withdrawal(book, as_of=requesting.day_of(at))
    return _request(
        id=id,
        kind=WITHDRAW,
        payload={
            "programme": book.programme_id,
            "number": book.number,
            "in_force_from": book.in_force_from.isoformat(),
        },
        content_key=f"{book.programme_id}/{book.number}",
        reason=reason,
        actor=actor,
        at=at,
    )


def _first(id: UUID, *, actor: Actor) -> Request | None:
    """Return the request that this person made under an id before; refuses request_id_taken where it is another's."""
    first = Request.objects.filter(pk=id).first()
    if first is not None and (actor.user is None or first.requested_by_id != actor.user.pk):
        raise requesting.RequestIdTaken
    return first


def _request(**said: Any) -> Request:
    """Ask in the head office: rules hold for every branch."""
    return requesting.request(branch=Branch.objects.filter(parent=None).order_by("path")[0], **said)


def book_in_force(programme: Programme, *, as_of: datetime.date) -> RuleBook | None:
    """Return the version in force on a date."""
    books = programme.rule_books.standing().filter(in_force_from__lte=as_of).order_by("-in_force_from")
    return books.select_related("programme").first()


def ladder_in_force(programme: Programme, *, as_of: datetime.date) -> Ladder | None:
    """Return the ladder in force on a date; five statements."""
    book = book_in_force(programme, as_of=as_of)
    return next(iter(load([book] if book else [])), None)


def _number_before(programme: Programme, day: datetime.date) -> int | None:
    book = book_in_force(programme, as_of=day - enacting.DAY)
    return book.number if book else None


def targets(payload: Payload) -> list[Aim]:
    """Return the programme in the version that its rule books have now."""
    programme = payload["programme"]
    return [Aim(subject=enacting.subject_of(programme), version=enacting.version_of(programme))]


def worth(payload: Payload) -> int | None:
    """Return what the rules cost more than those in force in minor units, by their rehearsal; None where nothing was rehearsed."""
    programme = Programme.objects.get(pk=payload["programme"])
    latest = rehearsing.latest(programme=programme, digest=payload.get("digest", ""))
    costs = [one["amount_minor"] for one in latest.result["cost"]["multipliers"]] if latest and latest.result else []
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def credits(payload: Payload, user: User) -> bool:
    """Tell whether the user himself would gain: rules are everybody's."""
    return False


def describe_rules(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return a new version in words: the terms that differ from those that it replaces, and what its rehearsal found."""
    programme = Programme.objects.get(pk=payload["programme"])
    start = datetime.date.fromisoformat(payload["in_force_from"])
    sentence = _("Put new rules of %(programme)s in force from %(date)s, in place of version %(number)s.") % {
        "programme": programme,
        "date": date_format(start),
        "number": payload["replaces"] or _("none"),
    }
    changes = _changes(programme, payload, start)
    found = rehearsing.latest(programme=programme, digest=payload["digest"])
    impact = _moved(found) if found else _terms_changed(changes)
    if found:
        url = reverse("admin:tiers_rehearsal_change", args=[found.pk]) if user.has_perm("tiers.view_rehearsal") else ""
        changes += [
            Change(target=_("Rehearsal"), url=url, what=what, before="", after=members, note=str(found))
            for what, members in _matrix(found)
        ]
    kept = _kept(payload, found)
    return Description(sentence=f"{sentence}{_protection(payload)}{kept}", impact=impact, changes=changes, fixed=True)


def _kept(payload: Payload, found: Rehearsal | None) -> str:
    """Return whom a protection keeps, by the rehearsal's night of the cut-over; "" where nothing is protected or was counted."""
    counted = ((found.result if found else None) or {}).get("cut_over")
    if not payload["protected_until"] or not counted:
        return ""
    sentence = ngettext(
        "That keeps the tier of %(kept)s member, as rehearsed.",
        "That keeps the tier of %(kept)s members, as rehearsed.",
        counted["kept"],
    )
    return " " + sentence % {"kept": number(counted["kept"])}


def _moved(found: Rehearsal) -> str:
    """Return in a sentence how many members would stand elsewhere, by a rehearsal that is done."""
    return _("Of %(members)s members %(winners)s would stand higher and %(losers)s lower.") % {
        name: number((found.result or {})[name]) for name in ("members", "winners", "losers")
    }


def _matrix(found: Rehearsal) -> Iterator[tuple[str, str]]:
    """Give the moves of a rehearsal's matrix, such as “Silver → Gold”, each with its number of members."""
    names = {tier.code: str(tier) for tier in found.programme.tiers.order_by("rank")}
    for before, after in itertools.permutations(names, 2):
        if members := (found.result or {})["matrix"].get(before, {}).get(after):
            yield f"{names[before]} → {names[after]}", number(members)


def describe_roll_back(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return a roll-back in words: the terms that differ from those in force when it was asked for."""
    programme = Programme.objects.get(pk=payload["programme"])
    sentence = _("Go back to the rules of version %(number)s of %(programme)s, from the day after the approval.") % {
        "number": payload["to"],
        "programme": programme,
    }
    after, before = (_version(programme, payload[key]) for key in ("to", "replaces"))
    changes = _rows(contrasting.contrast(before, after)) if after else []
    return Description(
        sentence=f"{sentence}{_protection(payload)}", impact=_terms_changed(changes), changes=changes, fixed=True
    )


def describe_withdrawal(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return a withdrawal in words: the terms that stay as they are, against those that would have come."""
    programme = Programme.objects.get(pk=payload["programme"])
    start = datetime.date.fromisoformat(payload["in_force_from"])
    sentence = _("Withdraw version %(number)s of %(programme)s, which would come into force on %(date)s.") % {
        "number": payload["number"],
        "programme": programme,
        "date": date_format(start),
    }
    staying = ladder_in_force(programme, as_of=start - enacting.DAY)
    changes = _rows(contrasting.contrast(_version(programme, payload["number"]), staying)) if staying else []
    return Description(sentence=sentence, impact=_terms_changed(changes), changes=changes, fixed=True)


def _protection(payload: Payload) -> str:
    if not payload["protected_until"]:
        return ""
    date = date_format(datetime.date.fromisoformat(payload["protected_until"]))
    return " " + _("Nobody goes down before %(date)s.") % {"date": date}


def _changes(programme: Programme, payload: Payload, start: datetime.date) -> list[Change]:
    """Return the terms that a proposal changes against the version that it replaces; of rules no longer in order, what is wrong."""
    try:
        after = reading.ladder_of(document=payload["document"], programme=programme, in_force_from=start)
    except reading.InvalidRuleBook as refusal:
        return [Change(target=_("every tier"), url="", what=str(refusal), before="", after="")]
    return _rows(contrasting.contrast(_version(programme, payload["replaces"]), after))


def _version(programme: Programme, number: int | None) -> Ladder | None:
    return next(iter(load(programme.rule_books.filter(number=number or 0).select_related("programme"))), None)


def _rows(differences: list[contrasting.Difference]) -> list[Change]:
    everybody = _("every tier")
    return [
        Change(target=str(one.tier or everybody), url="", what=one.what, before=one.before, after=one.after)
        for one in differences
    ]


def _terms_changed(changes: list[Change]) -> str:
    return _("terms that change: %(count)s") % {"count": len(changes)} if changes else _("no term changes")


def _kind(code: str, label: Any, verb: Verb, describe: Words) -> Kind:
    return Kind(
        code=code,
        label=label,
        verb=verb,
        describe=describe,
        targets=targets,
        worth=worth,
        credits=credits,
        permission_to_request=MAY_PROPOSE,
        permission_to_decide=MAY_DECIDE,
    )


KINDS = (
    _kind(drafting.RULE_BOOK, gettext_lazy("New rules of a programme"), enacting.put_in_force, describe_rules),
    _kind(ROLL_BACK, gettext_lazy("Back to an older version of the rules"), enacting.roll_back, describe_roll_back),
    _kind(WITHDRAW, gettext_lazy("Withdrawal of rules to come"), enacting.withdraw, describe_withdrawal),
)
