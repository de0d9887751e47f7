"""Relationship managers: one at a time, dated, handed over as a whole, within the branches of all who take part."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from foundation import transactions
from foundation.access.models import Role, User
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.refusals import Refusal
from members import caring
from members.models import Assignment, Member
from membership_site import seeding
from tests.console.conftest import House, posted
from tests.factories import DecisionFactory, MemberFactory
from tiers.models import Programme, Standing

AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
TODAY = datetime.date(2026, 3, 2)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def lin(house: House) -> User:
    """A relationship manager of Pudong."""
    return posted(Role.RELATIONSHIP_MANAGER, house.pudong)


@pytest.fixture
def wu(house: House) -> User:
    """Another of Pudong."""
    return posted(Role.RELATIONSHIP_MANAGER, house.pudong)


def assign(members, manager: User, *, verb=caring.assign, starts_on: datetime.date = TODAY, **more) -> int:
    arguments = {"members": members, "manager": manager, "starts_on": starts_on, "reason": "He asked for one"} | more
    return transactions.commit(verb, **arguments, actor=Actor.job("test"), at=AT)


def one(member: Member):
    return Member.objects.filter(pk=member.pk)


def manager_on(member: Member, day: datetime.date) -> User | None:
    held = Assignment.objects.on(day).filter(member=member).select_related("manager").first()
    return held.manager if held else None


def test_from_a_day_on_another_looks_after_him_and_the_history_stays(house: House, lin: User, wu: User) -> None:
    assign(one(house.near), lin)
    assign(one(house.near), wu, starts_on=TODAY + 10 * DAY)

    who = [manager_on(house.near, TODAY + n * DAY) for n in (-1, 0, 9, 10, 400)]

    assert who == [None, lin, lin, wu, wu]
    events = AuditEvent.objects.filter(verb="members.assign", subject_id=str(house.near.pk)).order_by("new__starts_on")
    assert [(event.old, event.new["manager"]) for event in events] == [
        (None, lin.username),
        ({"manager": lin.username}, wu.username),
    ]


def test_a_hand_over_moves_all_of_his_with_one_event_each_and_no_more_statements(
    house: House,
    lin: User,
    wu: User,
) -> None:
    few = [MemberFactory(branch=house.lujiazui) for _ in range(2)]
    many = [MemberFactory(branch=house.lujiazui) for _ in range(60)]
    of = lambda group: Member.objects.filter(pk__in=[member.pk for member in group])  # noqa: E731
    for group in (few, many):
        assign(of(group), lin)
    statements = []
    for group in (few, many):
        with CaptureQueriesContext(connection) as captured:
            moved = assign(of(group), lin, verb=caring.hand_over, to=wu)
        statements.append(len(captured))
        assert moved == len(group)

    assert statements[0] == statements[1] <= 10
    assert {manager_on(member, TODAY) for member in (*few, *many)} == {wu}
    handed = AuditEvent.objects.filter(verb="members.assign", new__manager=wu.username)
    assert handed.values("subject_id").distinct().count() == handed.count() == 62


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("reason_missing", {"reason": " \u200b "}),
        ("starts_in_the_past", {"starts_on": TODAY - DAY}),
        ("nobody_to_assign", {"members": Member.objects.none()}),
    ],
)
def test_a_refusal_changes_nothing(house: House, lin: User, code: str, changed: dict) -> None:
    with pytest.raises(Refusal) as refused:
        assign(changed.pop("members", one(house.near)), lin, **changed)

    assert refused.value.code == code
    assert not Assignment.objects.exists()
    assert not AuditEvent.objects.exists()


def test_only_a_manager_whose_posting_reaches_the_member_looks_after_him(house: House, lin: User) -> None:
    teller = posted(Role.TELLER, house.pudong)

    for member, manager in ((house.far, lin), (house.near, teller)):
        with pytest.raises(Refusal) as refused:
            assign(one(member), manager)
        assert refused.value.code == "not_a_relationship_manager"
    assert not Assignment.objects.exists()


def test_history_that_is_still_to_come_is_not_cut(house: House, lin: User, wu: User) -> None:
    assign(one(house.near), lin, starts_on=TODAY + 10 * DAY)

    with pytest.raises(Refusal) as refused:
        assign(one(house.near), wu, starts_on=TODAY)

    assert refused.value.code == "later_assignment"
    assert Assignment.objects.get().manager == lin


def test_the_database_lets_one_member_have_one_open_manager(house: House, lin: User, wu: User) -> None:
    assign(one(house.near), lin)

    with pytest.raises(IntegrityError, match="one_open_assignment_per_member"), transaction.atomic():
        Assignment.objects.create(member=house.near, manager=wu, starts_on=TODAY)
    with pytest.raises(IntegrityError, match="assignment_ends_after_its_start"), transaction.atomic():
        Assignment.objects.create(member=house.far, manager=wu, starts_on=TODAY, ends_on=TODAY - DAY)


@pytest.fixture
def mo(house: House) -> Client:
    """The branch manager of Pudong."""
    client = Client()
    client.force_login(posted(Role.BRANCH_MANAGER, house.pudong))
    return client


def test_the_branch_manager_assigns_those_of_a_tier_whom_nobody_looks_after(
    house: House,
    mo: Client,
    lin: User,
    wu: User,
) -> None:
    programme = Programme.objects.get()
    gold = programme.tiers.get(code="gold")
    taken, free = (MemberFactory(branch=house.lujiazui) for _ in range(2))
    for member in (taken, free, house.far):
        decision = DecisionFactory(member=member, programme=programme)
        Standing.objects.create(
            member=member, programme=programme, tier=gold, since=TODAY, decided_on=TODAY, decision=decision
        )
    today = clock.today()
    Assignment.objects.create(member=taken, manager=wu, starts_on=TODAY)
    said = {"branch": house.pudong.pk, "tier": programme.tiers.get(code="silver").pk, "manager": lin.pk}

    answer = mo.post("/console/members/care/assign/", said | {"starts_on": f"{today}", "reason": "New VIPs"})

    assert answer.status_code == 302
    managers = [manager_on(member, today) for member in (free, taken, house.near, house.far)]
    assert managers == [lin, wu, None, None]
    listed = mo.get("/console/members/care/").content.decode()
    assert f"?manager={lin.pk}" in listed
    event = AuditEvent.objects.get(verb="members.assign")
    assert (event.reason, event.address) == ("New VIPs", "127.0.0.1")


def test_another_branch_s_member_can_t_be_assigned(house: House, mo: Client, lin: User) -> None:
    page = "/console/members/member/{}/manager/"
    said = {"manager": lin.pk, "starts_on": f"{clock.today()}", "reason": "Mine now"}

    answers = [mo.post(page.format(member.pk), said).status_code for member in (house.far, house.near)]

    assert answers == [404, 302]
    assert [held.member for held in Assignment.objects.all()] == [house.near]


def test_he_finds_his_own_in_the_list_and_sees_no_assignment_forms(house: House, lin: User) -> None:
    mine = MemberFactory(branch=house.lujiazui, number="MINE-1")
    Assignment.objects.create(member=mine, manager=lin, starts_on=TODAY)
    client = Client()
    client.force_login(lin)

    def listed(manager: str) -> set[str]:
        rows = client.get("/console/members/member/", {"manager": manager}).context["cl"].result_list
        return {member.number for member in rows}

    assert (listed("me"), listed("none"), listed("")) == ({"MINE-1"}, {"A-NEAR-1"}, {"MINE-1", "A-NEAR-1"})
    assert client.get("/console/members/care/").status_code == 403
    assert lin.full_name in client.get(f"/console/members/member/{mine.pk}/").content.decode()


def test_the_demonstration_s_advisor_looks_after_those_who_hold_a_tier(house: House) -> None:
    advisor = posted(Role.RELATIONSHIP_MANAGER, house.lujiazui)
    User.objects.filter(pk=advisor.pk).update(username="advisor")
    programme = Programme.objects.get()
    for member in (house.near, house.far):
        decision = DecisionFactory(member=member, programme=programme)
        Standing.objects.create(
            member=member, programme=programme, tier=decision.to_tier, since=TODAY, decided_on=TODAY, decision=decision
        )

    counts = [transactions.commit(seeding.assign_managers, at=AT) for _ in range(2)]

    assert counts == [1, 0]
    assert [held.member for held in Assignment.objects.all()] == [house.near]
