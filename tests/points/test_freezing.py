"""A purse is frozen at once by whoever hears of it first; what compliance froze, two people thaw."""

import uuid

import pytest
from django.db import IntegrityError, transaction

from foundation.access.models import Role
from foundation.actors import Actor
from foundation.approvals import deciding, requesting
from foundation.approvals.models import Request
from foundation.audit.models import AuditEvent
from points import freezing, holding, redeeming, transferring
from points.models import Freeze, Kind, Purse
from tests.approvals.cast import AT, LATER, approve, assemble, posted
from tests.factories import MemberFactory
from tests.points.cast import CLERK, MONDAY, asked, books_ok, outcomes, post, redeem
from tests.races.test_holding import LATER as TOMORROW

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    """The cast of approvals, and Ye and Qi of compliance at head office."""
    made = assemble()
    head_office = made.pudong.parent
    made.__dict__["ye"] = posted(Role.COMPLIANCE, head_office, employee_number="E-YE")
    made.__dict__["qi"] = posted(Role.COMPLIANCE, head_office, employee_number="E-QI")
    return made


def freeze(cast, by, reason="phone lost"):
    with transaction.atomic():
        return freezing.freeze(member=cast.wang, currency=cast.points, reason=reason, at=AT, actor=Actor(user=by))


def thaw(cast, by, reason="found again"):
    with transaction.atomic():
        return freezing.thaw(member=cast.wang, currency=cast.points, reason=reason, at=LATER, actor=Actor(user=by))


def ask_to_thaw(cast, by, **more):
    given = {"id": uuid.uuid4(), "member": cast.wang, "currency": cast.points, "reason": "cleared"} | more
    return freezing.ask_to_thaw(**given, actor=Actor(user=by), at=AT)


def is_frozen():
    return Purse.objects.get().frozen


def test_frozen_it_refuses_redemption_hold_and_transfer_and_nothing_else(cast):
    other = MemberFactory(branch=cast.wang.branch)

    made = freeze(cast, cast.lin)

    assert (made.by_compliance, made.frozen_on, made.reason, made.frozen_by) == (False, MONDAY, "phone lost", cast.lin)
    with pytest.raises(redeeming.PurseFrozen), transaction.atomic():
        redeem(cast.wang, cast.points, 1)
    with pytest.raises(redeeming.PurseFrozen), transaction.atomic():
        transferring.transfer(
            from_member_id=cast.wang.pk,
            to_member_id=other.pk,
            currency_id=cast.points.pk,
            points=1,
            key=uuid.uuid4(),
            reference="",
            occurred_on=MONDAY,
            at=AT,
            actor=CLERK,
        )
    aside = holding.Aside(
        member_id=cast.wang.pk, currency_id=cast.points.pk, key=uuid.uuid4(), points=1, lapses_at=TOMORROW, cause="p/1"
    )
    assert outcomes(holding.hold([aside], today=MONDAY, actor=CLERK)) == ["frozen"]
    others = [
        asked(cast.wang, cast.points, points, kind=kind) for points, kind in ((5, Kind.EARN), (-5, Kind.CLAWBACK))
    ]
    assert outcomes(post(*others)) == ["posted", "posted"]
    assert books_ok()


def test_thawed_it_is_as_it_was_and_both_stand_on_the_trail(cast):
    freeze(cast, cast.lin)

    thaw(cast, cast.mo)

    redeem(cast.wang, cast.points, 1)
    assert Freeze.objects.get().thawed_on == MONDAY
    events = AuditEvent.objects.filter(verb__startswith="points.freeze") | AuditEvent.objects.filter(verb="points.thaw")
    trail = events.order_by("verb").values_list("verb", "actor", "subject_id", "new", "reason")
    wang = str(cast.wang.pk)
    assert list(trail) == [
        ("points.freeze", cast.lin.pk, wang, {"currency": "points"}, "phone lost"),
        ("points.thaw", cast.mo.pk, wang, {"currency": "points"}, "found again"),
    ]
    assert freeze(cast, cast.mo).pk != Freeze.objects.order_by("pk").first().pk


@pytest.mark.parametrize("reason", ["", "  \u200b "])
def test_without_a_reason_nothing_is_frozen_or_thawed(cast, reason):
    with pytest.raises(requesting.ReasonMissing):
        freeze(cast, cast.lin, reason=reason)
    assert not is_frozen()
    freeze(cast, cast.lin)

    with pytest.raises(requesting.ReasonMissing):
        thaw(cast, cast.mo, reason=reason)

    assert is_frozen()


def test_what_is_frozen_is_not_frozen_again_nor_what_is_not_thawed(cast):
    with pytest.raises(freezing.NotFrozen):
        thaw(cast, cast.mo)
    with pytest.raises(freezing.NotFrozen), transaction.atomic():
        ask_to_thaw(cast, cast.ye)
    freeze(cast, cast.lin)
    with pytest.raises(freezing.AlreadyFrozen):
        freeze(cast, cast.ye)

    assert not Freeze.objects.get().by_compliance
    assert AuditEvent.objects.filter(verb="points.freeze").count() == 1


def test_who_has_no_purse_is_unknown(cast):
    with pytest.raises(redeeming.UnknownPurse), transaction.atomic():
        freezing.freeze(
            member=MemberFactory(branch=cast.lujiazui),
            currency=cast.points,
            reason="x",
            at=AT,
            actor=Actor(user=cast.lin),
        )

    assert not Freeze.objects.exists()


def test_what_compliance_froze_nobody_thaws_alone(cast):
    made = freeze(cast, cast.ye)

    for alone in (cast.mo, cast.ye):
        with pytest.raises(freezing.ThawNeedsTwo):
            thaw(cast, alone)

    assert (made.by_compliance, is_frozen(), Freeze.objects.get().thawed_on) == (True, True, None)


def test_one_asks_and_another_of_compliance_thaws(cast):
    freeze(cast, cast.ye)
    made = ask_to_thaw(cast, cast.ye)

    with pytest.raises(deciding.OwnRequest), transaction.atomic():
        approve(made, cast.ye)
    with pytest.raises(deciding.MayNotDecide), transaction.atomic():
        approve(made, cast.mo)
    decision = approve(made, cast.qi)

    frozen = Freeze.objects.get()
    assert (decision.result, frozen.thawed_on, is_frozen()) == ({"freeze": frozen.pk}, MONDAY, False)


def test_a_request_against_another_freeze_is_stale(cast):
    freeze(cast, cast.lin)
    made = ask_to_thaw(cast, cast.mo)
    thaw(cast, cast.mo)
    freeze(cast, cast.ye)

    with pytest.raises(requesting.Stale), transaction.atomic():
        approve(made, cast.qi)

    assert is_frozen()


def test_who_serves_at_the_counter_does_not_ask(cast):
    freeze(cast, cast.ye)

    with pytest.raises(requesting.MayNotRequest), transaction.atomic():
        ask_to_thaw(cast, cast.lin)

    assert not Request.objects.exists()


def test_nobody_thaws_his_own_points(cast):
    cast.wang.user = cast.qi
    cast.wang.save(update_fields=["user"])
    freeze(cast, cast.ye)
    made = ask_to_thaw(cast, cast.ye)

    with pytest.raises(deciding.OwnAccount), transaction.atomic():
        approve(made, cast.qi)

    assert is_frozen()


def test_the_database_itself_keeps_one_freeze_a_purse(cast):
    freeze(cast, cast.lin)

    with pytest.raises(IntegrityError, match="purse_frozen_once_at_a_time"), transaction.atomic():
        Freeze.objects.create(
            member=cast.wang, currency=cast.points, frozen_on=MONDAY, reason="again", by_compliance=False
        )
