"""What a member prefers, read and changed; and owing messages as he prefers: not in his quiet hours, by the ways he has left on.

Security is told at once and by every way: codes and warnings are owed by foundation.messaging itself.
"""

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.messaging.sending import TOPIC
from foundation.outbox.owing import Owed
from foundation.outbox.owing import owe as owe_rows
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member, Preference
from members.preferences import CELLS, QUIET_FROM, QUIET_UNTIL, REMINDERS, Topic, Way


class PreferencesChanged(Refusal):
    code = "preferences_changed"
    status = 412
    sentence = _("Your preferences have changed since you read them. Read them again.")


class UnknownPreference(Refusal):
    code = "unknown_preference"
    status = 422
    sentence = _("There is no such choice among the preferences.")


class QuietHoursUnfit(Refusal):
    code = "quiet_hours_unfit"
    status = 422
    sentence = _("Quiet hours have a beginning and an end that differ, or neither.")


def of(member: Member) -> Preference:
    """Return what the member prefers; who has never said so has the defaults, not written yet."""
    found = Preference.objects.filter(member=member).first()
    return found or Preference(
        member=member, muted=[], quiet_from=QUIET_FROM, quiet_until=QUIET_UNTIL, reminders=[*REMINDERS]
    )


def tag(preference: Preference, *, language: str) -> str:
    """Return a short text that changes whenever the preferences do, or the language: their ETag."""
    return hashlib.sha256(f"{preference.version} {language}".encode()).hexdigest()[:32]


def ways(preference: Preference | None, *, topic: Topic) -> list[Way]:
    """Return by which ways the member is told of a topic, in the order in which they are tried; none means not at all."""
    muted = set(preference.muted) if preference and topic != Topic.SECURITY else set()
    return [way for way in Way if f"{topic}/{way}" not in muted]


@in_transaction
def change(
    *,
    member: Member,
    at: datetime.datetime,
    actor: Actor,
    seen: str | None = None,
    language: str | None = None,
    muted: Sequence[str] | None = None,
    quiet: tuple[datetime.time, datetime.time] | tuple[None, None] | None = None,
    reminders: Sequence[int] | None = None,
) -> Preference:
    """Change what is given of the member's preferences, and leave the rest; return how they stand then.

    `muted` are the cells that are off (preferences.CELLS), `quiet` the hours from and until, in the bank's zone. With `seen`, the tag
    of what he read, refuses preferences_changed where that has changed. Refuses unknown_preference at its field, quiet_hours_unfit.
    """
    locked = Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    preference = of(locked)
    if seen is not None and tag(preference, language=locked.language) != seen:
        raise PreferencesChanged
    before = told(preference, language=locked.language)
    if language is not None:
        _refuse_unknown([language], dict(settings.LANGUAGES), field="language")
        locked.language = language
    if muted is not None:
        _refuse_unknown(muted, CELLS, field="muted")
        preference.muted = sorted(set(muted))
    if reminders is not None:
        _refuse_unknown(reminders, REMINDERS, field="reminders")
        preference.reminders = sorted(set(reminders), reverse=True)
    if quiet is not None:
        if (quiet[0] is None) != (quiet[1] is None) or (quiet[0] is not None and quiet[0] == quiet[1]):
            raise QuietHoursUnfit(field="quiet_until")
        preference.quiet_from, preference.quiet_until = quiet
    after = told(preference, language=locked.language)
    if after == before:
        return preference
    preference.version += 1
    preference.save()
    Member.objects.filter(pk=member.pk).update(language=locked.language)
    member.language = locked.language
    old = {key: value for key, value in before.items() if after[key] != value}
    new = {key: after[key] for key in old}
    record(
        verb="preferring.change",
        actor=actor,
        subject_kind="member",
        subject_id=member.pk,
        at=at,
        old=old,
        new=new,
    )
    return preference


def told(preference: Preference, *, language: str) -> dict[str, Any]:
    """Return the preferences as plain values: language, muted, quiet_from, quiet_until, reminders."""
    return {
        "language": language,
        "muted": preference.muted,
        "quiet_from": preference.quiet_from and f"{preference.quiet_from:%H:%M}",
        "quiet_until": preference.quiet_until and f"{preference.quiet_until:%H:%M}",
        "reminders": preference.reminders,
    }


@in_transaction
def owe(*, kind: str, keys: Mapping[int, str], topic: Topic, at: datetime.datetime) -> int:
    """Owe a message of a kind to each member of `keys`, once under his key, not before his quiet hours are over; return how many are new.

    `topic` goes with it, so that its writer asks by which way. Two statements, however many.
    """
    after = not_before(list(keys), at=at)
    batch = [
        Owed(
            member_id=member_id,
            key=key,
            payload={"kind": kind, "about": key, "topic": str(topic)},
            not_before=after[member_id],
        )
        for member_id, key in keys.items()
    ]
    return owe_rows(batch, topic=TOPIC)


def not_before(member_ids: Sequence[int], *, at: datetime.datetime) -> dict[int, datetime.datetime]:
    """Return for each member the first instant from `at` on that lies outside his quiet hours; one statement."""
    arguments: dict[str, Any] = {
        "at": at,
        "from": QUIET_FROM,
        "until": QUIET_UNTIL,
        "zone": settings.TIME_ZONE,
        "members": list(member_ids),
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT w.id, CASE WHEN p.member_id IS NULL THEN members_after_quiet(%(at)s, %(from)s, %(until)s, %(zone)s)"
            " ELSE members_after_quiet(%(at)s, p.quiet_from, p.quiet_until, %(zone)s) END"
            " FROM unnest(%(members)s::bigint[]) AS w(id) LEFT JOIN members_preference p ON p.member_id = w.id",
            arguments,
        )
        return dict(cursor.fetchall())


def _refuse_unknown(given: Sequence[Any], known: Any, *, field: str) -> None:
    if any(one not in known for one in given):
        raise UnknownPreference(field=field)
