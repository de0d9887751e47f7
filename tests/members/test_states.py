"""The states of a membership: which moves there are, what each state may do, and what a past day says (docs/states.md)."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from members import leaving, moving, suspending, waking
from members.models import Member, StatusChange
from members.states import GATES, MOVES, WAYS, Reason, State
from tests.factories import BankFactory, MemberFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
NOON = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
TODAY = datetime.date(2026, 3, 2)
JOB = Actor.job("close_day")


@pytest.fixture(autouse=True)
def bank() -> None:
    BankFactory(business_date=TODAY)


@pytest.fixture
def clerk() -> Actor:
    return Actor(user=StaffFactory())


def member_in(state: str) -> Member:
    """Return a member who stands in a state."""
    fields = {"status": "active" if state == "invited" else state}
    if state == "invited":
        fields["accepted_at"] = None
    if state == "closed":
        fields["closed_on"] = TODAY
    return MemberFactory(**fields)


def state_of(member: Member) -> str:
    return Member.objects.get(pk=member.pk).state


@pytest.mark.parametrize("origin", [str(state) for state in State])
@pytest.mark.parametrize("transition", MOVES, ids=[move.code for move in MOVES])
def test_each_move_leads_from_its_states_and_from_no_other(transition, origin, clerk):
    member = member_in(origin)
    accepted_at = NOON if transition.code == "accept" else None

    moved = moving.move(
        [member.pk],
        transition=transition,
        reason=transition.reasons[0],
        at=NOON,
        actor=clerk,
        accepted_at=accepted_at,
    )

    legal = origin in transition.origins
    assert [(before, after) for _who, before, after in moved] == ([(origin, str(transition.to))] if legal else [])
    assert state_of(member) == (str(transition.to) if legal else origin)
    assert StatusChange.objects.count() == AuditEvent.objects.count() == len(moved)
    if legal:
        kept = StatusChange.objects.get()
        assert (kept.changed_on, kept.booked_on, kept.reason, kept.actor) == (
            TODAY,
            TODAY,
            transition.reasons[0],
            clerk.user,
        )
        event = AuditEvent.objects.get()
        assert (event.verb, event.old, event.new) == (
            f"members.{transition.code}",
            {"state": origin},
            {"state": str(transition.to)},
        )


def test_an_illegal_move_is_refused_by_code_and_changes_nothing(clerk):
    closed = member_in("closed")

    with pytest.raises(moving.IllegalMove) as refusal, transaction.atomic():
        suspending.suspend(member=closed, reason=Reason.FRAUD, note="", at=NOON, actor=clerk)
    with pytest.raises(moving.ReasonUnfit) as unfit, transaction.atomic():
        leaving.close(member=member_in("active"), reason=Reason.VISIT, note="", at=NOON, actor=clerk)

    assert (refusal.value.code, unfit.value.code) == ("illegal_move", "reason_unfit")
    assert not StatusChange.objects.exists()
    assert not AuditEvent.objects.exists()


def test_the_database_says_the_same_gates():
    with connection.cursor() as cursor:
        for state, gates in GATES.items():
            status = "active" if state == State.INVITED else str(state)
            accepted_at = None if state == State.INVITED else NOON
            cursor.execute("SELECT * FROM members_gates(%s, %s, NULL)", [status, accepted_at])
            no_earning, no_spending = cursor.fetchone()
            assert (no_earning is None, no_spending is None) == (gates.earns, gates.spends), state
        cursor.execute("SELECT * FROM members_gates('active', %s, %s)", [NOON, NOON])
        assert cursor.fetchone() == (None, "cooling_off")


def test_a_past_day_says_the_state_of_then_in_one_query(clerk, django_assert_num_queries):
    wang, other = MemberFactory(joined_on=datetime.date(2026, 1, 1)), MemberFactory(joined_on=TODAY)
    days = {day: datetime.datetime(2026, 3, day, 4, tzinfo=datetime.UTC) for day in (2, 5, 9)}
    suspending.suspend(member=wang, reason=Reason.DISPUTE, note="", at=days[2], actor=clerk)
    moving.move([wang.pk], transition=MOVES[4], reason=Reason.CLEARED, at=days[5], actor=clerk)
    leaving.close(member=wang, reason=Reason.WISH, note="", at=days[9], actor=clerk)

    def on(month: int, day: int) -> list[str]:
        members = Member.objects.with_state_on(datetime.date(2026, month, day)).order_by("pk")
        return [member.state_then for member in members]

    with django_assert_num_queries(1):
        assert on(3, 4) == ["suspended", "active"]
    assert on(2, 1) == ["active", None]
    assert on(3, 5) == ["active", "active"]
    assert on(3, 9) == on(4, 1) == ["closed", "active"]
    assert other.state == "active"


def test_the_history_is_written_once_and_knows_no_other_way(clerk):
    wang = MemberFactory()
    suspending.suspend(member=wang, reason=Reason.LEGAL, note="", at=NOON, actor=clerk)

    with pytest.raises(Exception, match=r"permission denied|refuse"), transaction.atomic():
        StatusChange.objects.update(note="else")
    with pytest.raises(IntegrityError, match="status_change_is_a_move"), transaction.atomic():
        StatusChange.objects.create(
            member=wang, from_state="closed", to_state="dormant", changed_on=TODAY, reason="cleared"
        )
    with pytest.raises(IntegrityError, match="status_change_reason_known"), transaction.atomic():
        StatusChange.objects.create(
            member=wang, from_state="active", to_state="closed", changed_on=TODAY, reason="whim"
        )
    with pytest.raises(IntegrityError, match="dormant_member_has_accepted"), transaction.atomic():
        Member.objects.filter(pk=MemberFactory(accepted_at=None).pk).update(status="dormant")

    assert StatusChange.objects.count() == 1
    assert ("closed", "dormant") not in WAYS


def test_one_and_many_take_the_same_statements():
    few, many = [MemberFactory().pk], [MemberFactory().pk for _ in range(30)]

    def count(members: list[int]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(waking.doze(members, on=TODAY, at=NOON, actor=JOB)) == len(members)
            assert len(waking.wake(members, reason=Reason.ACTIVITY, at=NOON, actor=JOB)) == len(members)
        return len(queries)

    assert count(few) == count(many) <= 8
    assert AuditEvent.objects.filter(subject_kind="members").count() == 4


def test_who_was_invited_when_he_was_suspended_is_invited_again(clerk):
    member = MemberFactory(accepted_at=None)
    suspending.suspend(member=member, reason=Reason.FRAUD, note="", at=NOON, actor=clerk)

    moved = moving.move([member.pk], transition=MOVES[4], reason=Reason.MISTAKE, at=NOON, actor=clerk)

    assert moved == [(member.pk, "suspended", "invited")]
    assert state_of(member) == "invited"


def test_a_member_leaves_after_a_day_unless_he_thinks_better_of_it(clerk):
    going, staying = MemberFactory(user=UserFactory()), MemberFactory(user=UserFactory())
    himself = Actor(user=going.user)
    for member in (going, staying):
        leaving.ask_to_leave(member=member, at=NOON, actor=himself)
    with pytest.raises(leaving.AlreadyLeaving), transaction.atomic():
        leaving.ask_to_leave(member=going, at=NOON, actor=himself)
    leaving.stay(member=staying, at=NOON, actor=Actor(user=staying.user))
    with pytest.raises(leaving.NotLeaving), transaction.atomic():
        leaving.stay(member=staying, at=NOON, actor=Actor(user=staying.user))

    early = leaving.close_due(at=NOON + datetime.timedelta(hours=23), actor=JOB)
    due = leaving.close_due(at=NOON + datetime.timedelta(hours=24), actor=JOB)

    assert (early, due) == (0, 1)
    assert (state_of(going), state_of(staying)) == ("closed", "active")
    going.user.refresh_from_db()
    assert not going.user.is_active
    assert StatusChange.objects.get().reason == "wish"


def test_a_suspended_member_cannot_leave_and_who_is_suspended_meanwhile_stays(clerk):
    suspended, meanwhile = member_in("suspended"), MemberFactory()
    with pytest.raises(moving.IllegalMove), transaction.atomic():
        leaving.ask_to_leave(member=suspended, at=NOON, actor=clerk)
    leaving.ask_to_leave(member=meanwhile, at=NOON, actor=clerk)
    suspending.suspend(member=meanwhile, reason=Reason.FRAUD, note="", at=NOON, actor=clerk)

    assert leaving.close_due(at=NOON + datetime.timedelta(days=2), actor=JOB) == 0
    assert state_of(meanwhile) == "suspended"
