"""What the database refuses behind Python's back: these tests commit, as `runtime`, and as `owner` where it says so."""

import uuid

import psycopg2.errors
import pytest
from django.db import DatabaseError, IntegrityError, connection, connections

from foundation import transactions
from foundation.access.models import Role
from foundation.approvals import deciding
from foundation.approvals.models import Request
from tests.approvals.cast import AT, LATER, approve, ask, assemble_committed, picture, posted

DECIDE = (
    "INSERT INTO approvals_decision (request_id, requested_by_id, requester_number, payload_hash, decided_by_id, employee_number,"
    " outcome, comment, decided_at) VALUES (%(request)s, %(maker)s, %(maker_number)s, %(hash)s, %(decider)s, %(decider_number)s,"
    " %(outcome)s, %(comment)s, %(at)s)"
)


def run(sql, arguments=None, *, alias="default"):
    """Run one statement as runtime, or as the tables' owner."""
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, arguments)


def decision(made, decider, **changed):
    """Return the arguments of a decision that the database would take."""
    return {
        "request": made.pk, "maker": made.requested_by_id, "maker_number": made.employee_number, "hash": made.payload_hash,
        "decider": decider.pk, "decider_number": decider.employee_number.strip().upper(), "outcome": "approved", "comment": "",
        "at": LATER, **changed,
    }  # fmt: skip


def tripped(constraint, sql, arguments=None, *, alias="default"):
    """Say that a statement trips a constraint, and that nothing has changed."""
    before = picture()
    with pytest.raises(IntegrityError) as refused:
        run(sql, arguments, alias=alias)
    assert refused.value.__cause__.diag.constraint_name == constraint
    assert picture() == before


def test_nobody_decides_on_his_own_request(committed):
    """F06, F07: by the same user, and by another account of the same employee."""
    cast = assemble_committed()
    made = transactions.commit(ask, cast=cast)
    second = posted(Role.FINANCE, cast.pudong, employee_number="e-lin")

    tripped("decision_by_another_employee", DECIDE, decision(made, cast.lin))
    tripped("decision_by_another_employee", DECIDE, decision(made, second))


@pytest.mark.parametrize(
    ("constraint", "changed"),
    [
        ("decision_of_a_request_as_it_was_made", {"maker_number": "E-HUA"}),
        ("decision_of_a_request_as_it_was_made", {"hash": "0" * 64}),
        ("decision_bears_its_makers_number", {"decider_number": "E-HUA"}),
        ("decision_outcome_known", {"outcome": "perhaps"}),
        ("rejection_says_why", {"outcome": "rejected"}),
        ("decision_on_a_waiting_request", {"at": "2099-01-01"}),
        ("decision_on_a_waiting_request", {"request": uuid.UUID(int=1)}),
    ],
)
def test_a_decision_is_about_its_request_and_by_its_maker(committed, constraint, changed):
    cast = assemble_committed()
    made = transactions.commit(ask, cast=cast)

    tripped(constraint, DECIDE, decision(made, cast.mo, **changed))


def test_one_decision_per_request(committed):
    cast = assemble_committed()
    made = transactions.commit(ask, cast=cast)

    run(DECIDE, decision(made, cast.mo))
    tripped("one_decision_per_request", DECIDE, decision(made, cast.fang))


@pytest.mark.parametrize("status", ["approved", "rejected"])
def test_no_status_without_its_decision(committed, status):
    cast = assemble_committed()
    made = transactions.commit(ask, cast=cast)

    tripped(
        "request_settled_by_its_decision",
        "UPDATE approvals_request SET status = %s, settled_at = now() WHERE id = %s",
        [status, made.pk],
    )


def test_what_is_settled_stays_so(committed):
    cast = assemble_committed()
    made = transactions.commit(ask, cast=cast)
    transactions.commit(approve, made=made, user=cast.mo)

    tripped("request_is_frozen", "UPDATE approvals_request SET status = 'pending', settled_at = NULL")


@pytest.mark.parametrize(
    "column",
    ["payload = '{}'", "payload_hash = repeat('0', 64)", "employee_number = 'E-X'", "expires_at = '2099-01-01'"],
)
def test_a_request_is_frozen_for_runtime_by_grant_and_for_the_owner_by_trigger(committed, column):
    cast = assemble_committed()
    transactions.commit(ask, cast=cast)
    before = list(Request.objects.values())

    with pytest.raises(DatabaseError) as refused:
        run(f"UPDATE approvals_request SET {column}")
    tripped("request_is_frozen", f"UPDATE approvals_request SET {column}", alias="owner")

    assert isinstance(refused.value.__cause__, psycopg2.errors.InsufficientPrivilege)
    assert list(Request.objects.values()) == before


@pytest.mark.parametrize("table", ["approvals_request", "approvals_target", "approvals_decision"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize("alias", ["default", "owner"])
def test_nothing_is_ever_deleted(committed, table, statement, alias):
    """F17."""
    cast = assemble_committed()
    transactions.commit(approve, made=transactions.commit(ask, cast=cast), user=cast.mo)
    before = picture()

    with pytest.raises(DatabaseError) as refused:
        run(statement.format(table), alias=alias)

    assert isinstance(refused.value.__cause__, psycopg2.errors.InsufficientPrivilege)
    assert picture() == before


def test_a_request_is_made_waiting_and_under_ones_own_number(committed):
    cast = assemble_committed()
    made = transactions.commit(ask, cast=cast)
    copy = "INSERT INTO approvals_request SELECT (jsonb_populate_record(r, %s::jsonb)).* FROM approvals_request r WHERE id = %s"
    other = f'{{"id": "{uuid.uuid4()}", "content_key": "other", '

    tripped("request_is_made_waiting", copy, [other + '"status": "approved"}', made.pk])
    tripped("request_bears_its_makers_number", copy, [other + '"employee_number": "E-HUA"}', made.pk])
    tripped("one_live_request_per_content", copy, [f'{{"id": "{uuid.uuid4()}"}}', made.pk])
    tripped("request_says_why", copy, [other + '"reason": ""}', made.pk])


def test_a_payload_edited_by_whoever_can_switch_triggers_off_is_refused(committed):
    """A12: the digest doesn't fit any more, so nothing is done."""
    cast = assemble_committed()
    made = transactions.commit(ask, cast=cast)
    run("ALTER TABLE approvals_request DISABLE TRIGGER freeze_request", alias="owner")
    run("""UPDATE approvals_request SET payload = jsonb_set(payload, '{rows,0,points}', '99999')""", alias="owner")
    run("ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER freeze_request", alias="owner")
    before = picture()

    with pytest.raises(deciding.PayloadChanged):
        transactions.commit(approve, made=made, user=cast.mo)

    assert picture() == before


def test_the_triggers_fire_in_a_replicas_session_too(committed):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = ANY (ARRAY['approvals_request', 'approvals_target',"
            " 'approvals_decision']::regclass[]) AND NOT tgisinternal AND tgenabled <> 'A'"
        )
        assert cursor.fetchall() == []
    assert AT < LATER
