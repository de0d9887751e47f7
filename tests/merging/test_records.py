"""What two records have besides points: what moves, what a no means, which sign-in is left, who can't be merged."""

import datetime
import uuid

import pytest
from django.db import transaction

from foundation.audit.models import AuditEvent
from foundation.jobs.models import BusinessDate
from foundation.refusals import Refusal
from members import consents
from members.consents import Choice
from members.models import (
    Assignment,
    Family,
    FamilyMembership,
    Household,
    HouseholdMembership,
    Member,
    Merge,
)
from members.sealing import PersonalData, seal_person
from membership_site.merge_states import versions_of
from points import freezing, holding
from points.models import Kind, PoolGrant
from tests.factories import (
    ConsentTextFactory,
    DecisionFactory,
    MemberFactory,
    ProgrammeFactory,
    RuleBookFactory,
    StaffFactory,
    UserFactory,
)
from tests.members.cast import sent
from tests.merging.cast import CHECKER, balance_of, merge, picture, two, undo
from tests.points.cast import CLERK, MONDAY, NOON, TUESDAY, asked, books_ok, post, start_closing
from tiers.models import Protection, Standing

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def refused(act) -> str:
    """Return the code of the refusal of `act`, and prove that nothing has changed by it."""
    before = picture()
    with pytest.raises(Refusal) as refusal, transaction.atomic():
        act()
    assert picture() == before
    return refusal.value.code


def _refresh(*rows) -> None:
    for row in rows:
        row.refresh_from_db()


def test_the_record_that_goes_is_closed_and_leads_on():
    wang = two()

    merge(wang.kept, wang.gone)

    wang.gone.refresh_from_db()
    assert (wang.gone.status, wang.gone.closed_on, wang.gone.merged_into) == ("closed", MONDAY, wang.kept)
    events = AuditEvent.objects.filter(verb="members.merge").order_by("subject_id")
    assert {event.subject_id for event in events} == {str(wang.kept.pk), str(wang.gone.pk)}
    assert {event.reason for event in events} == {"one person"}


def test_undone_it_is_open_again():
    wang = two()
    merge(wang.kept, wang.gone)

    undo(wang.gone)

    wang.gone.refresh_from_db()
    assert (wang.gone.status, wang.gone.closed_on, wang.gone.merged_into) == ("active", None, None)
    assert Merge.objects.get().undone_on == MONDAY
    assert AuditEvent.objects.filter(verb="members.undo_merge").count() == 2


def test_the_same_record_twice_is_refused():
    wang = two()

    assert refused(lambda: merge(wang.kept, wang.kept)) == "same_record"


@pytest.mark.parametrize("which", ["kept", "gone"])
def test_a_closed_record_is_refused(which):
    wang = two()
    Member.objects.filter(pk=getattr(wang, which).pk).update(status="closed", closed_on=MONDAY)

    assert refused(lambda: merge(wang.kept, wang.gone)) == "record_not_open"


def test_a_record_that_was_not_accepted_does_not_stay_for_one_that_was():
    wang = two()
    Member.objects.filter(pk=wang.kept.pk).update(accepted_at=None)

    assert refused(lambda: merge(wang.kept, wang.gone)) == "invited_would_stay"
    merge(wang.gone, wang.kept)


@pytest.mark.parametrize("which", ["kept", "gone"])
def test_frozen_points_are_refused(which):
    wang = two()
    post(asked(wang.kept, wang.points, 10), asked(wang.gone, wang.points, 10))
    freezing.freeze(member=getattr(wang, which), currency=wang.points, reason="phone lost", at=NOON, actor=CLERK)

    assert refused(lambda: merge(wang.kept, wang.gone)) == "frozen_purse"


def test_points_held_on_the_record_that_goes_are_refused_and_on_the_other_not():
    wang = two()
    post(asked(wang.kept, wang.points, 10), asked(wang.gone, wang.points, 10))
    ask = holding.Aside(
        member_id=wang.gone.pk,
        currency_id=wang.points.pk,
        key=uuid.uuid4(),
        points=4,
        lapses_at=NOON + DAY,
        cause="partner",
    )
    assert [one.outcome for one in holding.hold([ask], today=MONDAY, actor=CLERK)] == ["held"]

    assert refused(lambda: merge(wang.kept, wang.gone)) == "open_hold"
    merge(wang.gone, wang.kept)


def test_while_the_night_is_closed_nothing_is_merged():
    wang = two()
    start_closing()

    assert refused(lambda: merge(wang.kept, wang.gone, as_of=MONDAY)) == "night_is_running"
    BusinessDate.objects.filter(status="closing").update(status="closed")
    merge(wang.kept, wang.gone, as_of=TUESDAY)


def test_a_record_that_moved_since_it_was_looked_at_is_stale():
    wang = two()
    seen = versions_of([wang.kept.pk, wang.gone.pk])
    post(asked(wang.gone, wang.points, 1))

    assert refused(lambda: merge(wang.kept, wang.gone, versions=seen)) == "stale"


def test_a_merge_is_undone_for_some_time_and_once():
    wang = two()
    merge(wang.kept, wang.gone)

    assert refused(lambda: undo(wang.gone, as_of=MONDAY + 31 * DAY)) == "undo_too_late"
    made = Merge.objects.get()
    undo(wang.gone, as_of=MONDAY + 30 * DAY)
    Merge.objects.filter(pk=made.pk).update(undone_at=None, undone_on=None, undoing_request_id=None)
    Member.objects.filter(pk=wang.kept.pk).update(status="closed", closed_on=MONDAY)
    assert refused(lambda: undo(wang.gone)) == "merged_meanwhile"


def test_the_record_that_stays_was_merged_itself_so_that_one_is_undone_first():
    wang, last = two(), MemberFactory()
    merge(wang.kept, wang.gone)
    merge(last, wang.kept)

    assert refused(lambda: undo(wang.gone)) == "merged_meanwhile"


def test_a_debt_that_was_paid_since_stands_in_the_way_of_undoing():
    wang = two()
    post(asked(wang.gone, wang.points, 10), asked(wang.gone, wang.points, -60, kind=Kind.CLAWBACK))
    merge(wang.kept, wang.gone)
    post(asked(wang.kept, wang.points, 20))

    assert refused(lambda: undo(wang.gone)) == "debt_paid"


def test_a_debt_that_stands_goes_back():
    wang = two()
    post(asked(wang.gone, wang.points, 10), asked(wang.gone, wang.points, -60, kind=Kind.CLAWBACK))
    merge(wang.kept, wang.gone)

    undo(wang.gone)

    assert balance_of(wang.gone, wang.points) == {"owed": 50}
    assert balance_of(wang.kept, wang.points) == {}
    assert books_ok()


def test_a_no_counts_for_both():
    """He said yes to two purposes on the record that stays, and no to one of them, nothing of the other, on the one that goes."""
    wang = two()
    for purpose in ("marketing", "profiling"):
        ConsentTextFactory(purpose=purpose)
    said = {"channel": "branch", "today": MONDAY, "at": NOON, "actor": CHECKER}
    yes = [Choice(purpose=one, version=1, given=True) for one in ("marketing", "profiling")]
    consents.choose(yes, member_id=wang.kept.pk, **said)
    consents.choose(yes[:1], member_id=wang.gone.pk, **said)
    consents.choose([Choice(purpose="marketing", version=1, given=False)], member_id=wang.gone.pk, **said)

    merge(wang.kept, wang.gone)

    assert not consents.allows(member_id=wang.kept.pk, purpose="marketing", on=MONDAY)
    assert consents.allows(member_id=wang.kept.pk, purpose="profiling", on=MONDAY)


def test_one_sign_in_is_left_and_the_person_is_told(monkeypatch):
    wang = two()
    own, other = UserFactory(), UserFactory()
    Member.objects.filter(pk=wang.kept.pk).update(user=own)
    Member.objects.filter(pk=wang.gone.pk).update(user=other)
    seal_person(wang.kept.pk, PersonalData(full_name="王小雨", phone="10088880001")).save()

    merge(wang.kept, wang.gone)

    _refresh(own, other)
    assert (own.is_active, other.is_active) == (True, False)
    [message] = sent(monkeypatch=monkeypatch)
    assert message.to == "10088880001"
    assert "B-GONE and A-KEPT are one now: A-KEPT" in message.text
    undo(wang.gone)
    _refresh(other, wang.gone)
    assert (other.is_active, wang.gone.user) == (True, other)


def test_a_record_without_sign_in_gets_the_other_s():
    wang, user = two(), UserFactory()
    Member.objects.filter(pk=wang.gone.pk).update(user=user)

    merge(wang.kept, wang.gone)

    _refresh(user, wang.kept, wang.gone)
    assert (wang.kept.user, wang.gone.user, user.is_active) == (user, None, True)
    undo(wang.gone)
    _refresh(wang.kept, wang.gone)
    assert (wang.kept.user, wang.gone.user) == (None, user)


def test_staff_keep_their_way_into_the_console():
    wang, user = two(), StaffFactory()
    Member.objects.filter(pk=wang.kept.pk).update(user=UserFactory())
    Member.objects.filter(pk=wang.gone.pk).update(user=user)

    merge(wang.kept, wang.gone)

    user.refresh_from_db()
    assert user.is_active


def family_of(member: Member) -> FamilyMembership:
    """Return the member's place in a new family, as its member."""
    family = Family.objects.create(created_at=NOON)
    head = MemberFactory()
    common = {"family": family, "invited_at": NOON, "accepted_at": NOON}
    FamilyMembership.objects.create(number=head.number, member=head, role="head", **common)
    return FamilyMembership.objects.create(number=member.number, member=member, **common)


def test_the_place_in_a_family_moves_with_what_it_may_spend_and_comes_back():
    wang = two()
    place = family_of(wang.gone)
    PoolGrant.objects.create(membership=place, currency=wang.points, points_per_month=100)

    merge(wang.kept, wang.gone)

    place.refresh_from_db()
    assert (place.member, place.number, place.left_at, place.grants.count()) == (wang.kept, "A-KEPT", None, 1)
    undo(wang.gone)
    place.refresh_from_db()
    assert (place.member, place.number) == (wang.gone, "B-GONE")


def test_where_both_are_in_families_the_one_that_stays_keeps_his():
    wang = two()
    own, other = family_of(wang.kept), family_of(wang.gone)

    merge(wang.kept, wang.gone)

    _refresh(own, other)
    assert own.left_at is None
    assert other.left_at is not None


def test_who_heads_a_family_does_not_go_into_another():
    wang = two()
    family_of(wang.kept)
    place = family_of(wang.gone)
    FamilyMembership.objects.filter(family=place.family, role="head").update(left_at=NOON)
    FamilyMembership.objects.filter(pk=place.pk).update(role="head")

    assert refused(lambda: merge(wang.kept, wang.gone)) == "heads_a_family"


def test_household_and_relationship_manager_move_where_the_other_has_none_and_come_back():
    wang, manager = two(), StaffFactory()
    home = Household.objects.create(created_on=MONDAY)
    HouseholdMembership.objects.create(household=home, member=wang.gone, starts_on=MONDAY - DAY)
    Assignment.objects.create(member=wang.gone, manager=manager, starts_on=MONDAY - DAY)

    merge(wang.kept, wang.gone)

    assert home.memberships.open().get().member == wang.kept
    assert Assignment.objects.get(ends_on=None).member == wang.kept
    undo(wang.gone)
    assert home.memberships.open().get().member == wang.gone
    assert Assignment.objects.get(ends_on=None).member == wang.gone


def standing(member: Member, tier: str, **fields) -> None:
    decision = DecisionFactory(member=member, tier=tier, as_of=MONDAY - DAY)
    Standing.objects.create(
        member=member, programme=decision.programme, tier=decision.to_tier, since=MONDAY - DAY,
        decided_on=MONDAY - DAY, decision=decision, **fields,
    )  # fmt: skip


def test_the_higher_tier_stands_until_it_would_have_ended():
    wang = two()
    RuleBookFactory(programme=ProgrammeFactory())
    standing(wang.gone, "gold", valid_until=MONDAY + 90 * DAY)
    standing(wang.kept, "silver")

    merge(wang.kept, wang.gone)

    protection = Protection.objects.get()
    assert (protection.member, protection.tier.code, protection.kind) == (wang.kept, "gold", "override")
    assert (protection.starts_on, protection.until) == (MONDAY, MONDAY + 91 * DAY)
    assert protection.reason == "one person"
    undo(wang.gone)
    protection.refresh_from_db()
    assert protection.ended_on == MONDAY


def test_a_lower_tier_changes_nothing_and_its_protection_ends():
    wang = two()
    book = RuleBookFactory(programme=ProgrammeFactory())
    standing(wang.gone, "silver")
    standing(wang.kept, "gold")
    Protection.objects.create(
        member=wang.gone, programme=book.programme, kind="freeze", tier=book.programme.tiers.get(code="silver"),
        starts_on=MONDAY - DAY, until=MONDAY + 30 * DAY, reason="loyal",
    )  # fmt: skip

    merge(wang.kept, wang.gone)

    assert Protection.objects.get().ended_on == MONDAY
    undo(wang.gone)
    again = Protection.objects.latest("pk")
    assert (again.member, again.starts_on, again.until, again.ended_on) == (wang.gone, MONDAY, MONDAY + 30 * DAY, None)
