"""Undoing an import as a batch: members who came in new are taken back, opening lots reversed by the ledger; all of it or nothing.

Facts that the bank reported are never taken back: a later report corrects them. Nor is what a file changed of who was there before.
"""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.jobs import fencing
from foundation.outbox.models import Obligation
from foundation.periods import day_of
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import Again, in_transaction
from importing.models import Import, ImportedMember, OpeningLot
from members.files import MemberFile
from members.models import Member, Person
from points import ledger
from points.models import Kind

NAMED = 5
SHOWN = 100
UNDOABLE = {Import.Kind.MEMBERS, Import.Kind.OPENING}
# What may stand beside a member who did nothing: who he is, the file kept of him, that he came by the import, messages owed to him.
OWN: set[type[models.Model]] = {Person, MemberFile, ImportedMember, Obligation}

SENTENCES: dict[str, str | Promise] = {
    "joined": _("The member has accepted, signed in, or was closed since."),
    "used": _("Points of this lot were used, held, or have lapsed since."),
}


class NotUndoable(Refusal):
    code = "not_undoable"
    sentence = _("Only imports of members and of opening points that are done can be taken back.")


class DoneSince(Refusal):
    """Something was done since with what came in; `lines` names the first of the rows."""

    code = "done_since"
    sentence = _("Nothing was taken back, since something was done with %(count)s of its rows: lines %(lines)s.")


@dataclasses.dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a row can't be taken back: its line, and the word of SENTENCES or the label of the table that holds something of the member."""

    line: int
    code: str

    @property
    def sentence(self) -> str:
        """Return why, in the reader's language."""
        if self.code in SENTENCES:
            return str(SENTENCES[self.code])
        name = apps.get_model(self.code)._meta.verbose_name_plural
        return str(_("Since then there is something in: %(table)s.") % {"table": name})


def obstacles(import_: Import) -> list[Obstacle]:
    """Return what stands against taking the import back, by line; one statement, whatever its size. Writes nothing."""
    if import_.kind == Import.Kind.OPENING:
        sql, arguments = statement("importing", "used_lots"), {"import": import_.pk}
    else:
        sql, arguments = _traces(), {"import": import_.pk}
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return [Obstacle(line, code) for line, code in cursor.fetchall()]


def refuse_unless_undoable(import_: Import) -> None:
    """Refuse not_undoable, and done_since with the first lines where something was done."""
    if import_.kind not in UNDOABLE or import_.status not in (Import.Status.DONE, Import.Status.UNDOING):
        raise NotUndoable
    if found := obstacles(import_):
        lines = sorted({one.line for one in found})
        named = ", ".join(map(str, lines[:NAMED])) + (" …" if len(lines) > NAMED else "")
        raise DoneSince(count=len(lines), lines=named)


@in_transaction
def undo(*, import_: Import, at: datetime.datetime, actor: Actor) -> int:
    """Take an import back, all of it or nothing, and return how many rows; the number of statements doesn't depend on its size.

    Refuses not_undoable, done_since.
    """
    if import_.kind == Import.Kind.OPENING:
        refuse_unless_undoable(import_)
        count = _reverse(import_, at=at, actor=actor)
    else:
        # Whoever books has committed, or waits until these members are gone; who joins waits at his row.
        fencing.hold()
        of_import = Member.objects.filter(pk__in=import_.new_members.values("member_id"))
        count = len(of_import.order_by("pk").select_for_update(of=("self",)).values_list("pk"))
        refuse_unless_undoable(import_)
        with connection.cursor() as cursor:
            for name in ("delete_files", "delete_people", "delete_members"):
                cursor.execute(statement("importing", name), {"import": import_.pk})
    Import.objects.filter(pk=import_.pk).update(status=Import.Status.UNDONE, finished_at=at, refusal=None)
    record(verb="importing.undo", actor=actor, subject_kind="import", subject_id=import_.pk, at=at, new={"rows": count})
    return count


def _reverse(import_: Import, *, at: datetime.datetime, actor: Actor) -> int:
    """Claw every lot of the import back through the ledger, each out of itself alone."""
    ledger.stage()
    values: dict[str, Any] = {"import": import_.pk, "clawback": int(Kind.CLAWBACK), "today": day_of(at)}
    with connection.cursor() as cursor:
        cursor.execute(statement("importing", "stage_reversals"), values)
    outcomes = ledger.post_staged(actor=actor)
    if set(outcomes) - {"posted"}:
        raise DoneSince(count=sum(outcomes.values()) - outcomes.get("posted", 0), lines="…")
    with connection.cursor() as cursor:
        cursor.execute(statement("importing", "lots_taken_elsewhere"), {"import": import_.pk})
        [[elsewhere]] = cursor.fetchall()
    if elsewhere:  # Somebody spent between the look and the lock: looked at anew, it is refused.
        raise Again
    return OpeningLot.objects.filter(import_id=import_.pk, undone_at=None).update(undone_at=at)


def _traces() -> str:
    """Return the statement that finds what there is of the import's new members, in whatever table names a member."""
    parts = [
        "SELECT n.line, 'joined' FROM importing_importedmember n JOIN members_member m ON m.id = n.member_id"
        " WHERE n.of_id = %(import)s AND (m.accepted_at IS NOT NULL OR m.user_id IS NOT NULL OR m.status = 'closed')"
    ]
    for model, column in sorted(_naming_members(), key=lambda pair: (pair[0]._meta.db_table, pair[1])):
        parts.append(
            f"SELECT n.line, '{model._meta.label}' FROM importing_importedmember n WHERE n.of_id = %(import)s"  # noqa: S608 - ours
            f" AND EXISTS (SELECT FROM {model._meta.db_table} t WHERE t.{column} = n.member_id)"
        )
    return f"SELECT line, code FROM ({' UNION ALL '.join(parts)}) AS found(line, code) ORDER BY line, code LIMIT 100000"  # noqa: S608 - ours


def _naming_members() -> Iterator[tuple[type[models.Model], str]]:
    """Yield every model and column that names a member, by a foreign key or, in a hot table, by his id."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            to_member = isinstance(field, models.ForeignKey) and field.related_model is Member
            if field.column and model not in OWN and (to_member or field.column == "member_id"):
                yield model, field.column
