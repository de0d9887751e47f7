"""Protecting: invitations, freezes and overrides by two people, what they secure, how they end, and what is refused."""

import datetime

import pytest
from django.db import ProgrammingError, connection, transaction

from foundation.actors import Actor
from foundation.approvals import deciding, requesting
from foundation.approvals.kinds import kind_of
from foundation.approvals.models import Request
from foundation.audit.models import AuditEvent
from foundation.refusals import Refusal
from tests.factories import MemberFactory, ProgrammeFactory, StaffFactory
from tests.tiers.cast import (
    DAY,
    MONDAY,
    Protection,
    ask,
    assemble,
    book_of,
    decided,
    end,
    grant,
    hold,
    noon,
    protect,
    review,
    review_through,
    stands,
)
from tiers import protecting
from tiers.explaining import explain
from tiers.models import Standing

pytestmark = pytest.mark.django_db
JUNE_30 = datetime.date(2026, 6, 30)


@pytest.fixture
def cast():
    """A book that reviews every night; a tier holds for 12 months, then goes down at once."""
    return assemble(validity_months=12)


def picture():
    """Return what a refusal must leave as it was."""
    return (
        list(Protection.objects.order_by("id").values_list("id", "until", "ended_on")),
        list(Request.objects.order_by("id").values_list("id", "status")),
        AuditEvent.objects.count(),
    )


def refused(call, code):
    before = picture()
    with pytest.raises(Refusal) as refusal, transaction.atomic():
        call()
    assert refusal.value.code == code
    assert picture() == before
    return str(refusal.value)


def test_an_invitation_gives_the_tier_at_the_close_of_the_first_open_date(cast):
    protection = protect(cast)

    assert (protection.starts_on, protection.tier.code, protection.reason) == (
        MONDAY,
        "silver",
        "moved his salary to us",
    )
    assert review(MONDAY)["secured"] == 1

    assert decided(cast.wang) == [(MONDAY, "invited", "silver", JUNE_30)]


def test_an_override_is_told_from_an_invitation(cast):
    protect(cast, kind=Protection.Kind.OVERRIDE, tier=cast.programme.tiers.get(rank=3))

    review(MONDAY)

    assert decided(cast.wang) == [(MONDAY, "overridden", "platinum", JUNE_30)]


def test_an_invited_member_rises_by_what_he_does_and_is_not_lowered_before_the_end(cast):
    protect(cast)
    review(MONDAY)
    hold(cast.wang, 2, since=MONDAY + DAY)
    hold(cast.wang, 0, since=MONDAY + 2 * DAY)

    review_through(MONDAY + DAY, MONDAY + 5 * DAY)

    assert decided(cast.wang)[1:] == [(MONDAY + DAY, "upgraded", "gold", datetime.date(2027, 3, 31))]


def test_a_freeze_holds_the_tier_of_the_day_past_its_validity(cast):
    hold(cast.wang, 2)
    review(MONDAY)
    hold(cast.wang, 0, since=MONDAY + DAY)
    Standing.objects.update(valid_until=MONDAY + 2 * DAY)
    until = MONDAY + 10 * DAY

    protection = protect(cast, on=MONDAY + DAY, kind=Protection.Kind.FREEZE, tier=None, until=until)
    review_through(MONDAY + DAY, until)

    assert (protection.tier.code, protection.starts_on) == ("gold", MONDAY + DAY)
    assert stands(cast.wang, until - DAY) == "gold"
    assert decided(cast.wang)[1:] == [(until, "downgraded", "standard", None)]


def test_a_tier_that_fell_while_its_freeze_was_decided_on_is_given_back_and_told_so(cast):
    hold(cast.wang, 1)
    review(MONDAY)
    until = MONDAY + 10 * DAY
    protect(cast, on=MONDAY + DAY, kind=Protection.Kind.FREEZE, tier=None, until=until)
    hold(cast.wang, 0, since=MONDAY + DAY)
    Standing.objects.update(tier=cast.programme.tiers.get(rank=0))

    counts = review(MONDAY + DAY)

    assert counts["secured"] == 1
    assert decided(cast.wang)[1:] == [(MONDAY + DAY, "frozen", "silver", until)]
    reason = explain(member=cast.wang, programme=cast.programme, as_of=MONDAY + DAY).reason
    assert reason == "Silver again since 3 March 2026: it was frozen while it fell, until 12 March 2026."


@pytest.mark.parametrize("validity_months", [12, None])
def test_an_early_end_leaves_the_next_review_to_decide(validity_months):
    cast = assemble(validity_months=validity_months)
    protection = protect(cast)
    review(MONDAY)
    tuesday = MONDAY + DAY

    end(cast, protection, on=tuesday)
    review(tuesday)

    protection.refresh_from_db()
    assert protection.ended_on == tuesday
    assert decided(cast.wang)[1:] == [(tuesday, "downgraded", "standard", None)]


def test_after_an_early_end_who_qualifies_keeps_the_tier_afresh(cast):
    protection = protect(cast)
    review(MONDAY)
    hold(cast.wang, 1, since=MONDAY + DAY)

    end(cast, protection, on=MONDAY + DAY)
    review(MONDAY + DAY)

    assert decided(cast.wang)[1:] == [(MONDAY + DAY, "renewed", "silver", datetime.date(2027, 3, 31))]


def test_a_validity_of_his_own_is_not_shortened_by_the_early_end_of_a_freeze(cast):
    hold(cast.wang, 2)
    review(MONDAY)
    hold(cast.wang, 0, since=MONDAY + DAY)
    valid_until = datetime.date(2027, 3, 31)
    frozen = protect(cast, on=MONDAY + DAY, kind=Protection.Kind.FREEZE, until=valid_until)

    end(cast, frozen, on=MONDAY + 3 * DAY)
    review_through(MONDAY + DAY, MONDAY + 5 * DAY)

    assert [row[1] for row in decided(cast.wang)] == ["upgraded"]


def test_after_the_end_one_may_be_invited_anew_and_not_before(cast):
    first = protect(cast)
    waiting = {"tier": cast.programme.tiers.get(rank=2)}
    assert "protected already" in refused(lambda: ask(cast, **waiting), "already_protected")

    review(MONDAY)
    end(cast, first, on=MONDAY + DAY)
    second = protect(cast, on=MONDAY + DAY, **waiting)

    assert (second.tier.code, second.starts_on) == ("gold", MONDAY + DAY)


def test_two_requests_asked_for_before_either_is_approved_make_one_protection(cast):
    first, second = ask(cast), ask(cast, kind=Protection.Kind.OVERRIDE)
    grant(first, cast.qian)

    refused(lambda: grant(second, cast.qian), "stale")

    assert Protection.objects.count() == 1


def test_the_database_itself_keeps_protections_of_a_programme_apart(cast):
    protect(cast)
    [row] = Protection.objects.values("member_id", "programme_id", "kind", "tier_id", "starts_on", "until", "reason")
    payload = ask_payload(cast)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protecting, "check", lambda **_arguments: None)
        refused(lambda: apply(payload), "already_protected")

    other = ProgrammeFactory(code="premier", is_main=False)
    Protection.objects.create(**row | {"programme_id": other.pk, "tier_id": other.tiers.get(rank=1).pk})


def ask_payload(cast):
    return {
        "member": cast.wang.pk, "number": cast.wang.number, "programme": cast.programme.code,
        "kind": "override", "tier": "gold", "until": "2026-04-30",
    }  # fmt: skip


def apply(payload):
    protecting.protect(
        payload=payload, request_id=Request.objects.latest("requested_at").pk, reason="-", versions={},
        actor=Actor.job("test"), as_of=MONDAY,
    )  # fmt: skip


def test_runtime_changes_nothing_of_a_protection_but_its_early_end(cast):
    protect(cast)

    for column in ("until = until + 1", "tier_id = tier_id", "member_id = member_id"):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(f"UPDATE tiers_protection SET {column}")
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Protection.objects.all().delete()


def test_what_cannot_be_is_refused_with_its_reason(cast):
    other = ProgrammeFactory(code="premier", is_main=False)
    hold(cast.wang, 1)
    review(MONDAY)
    on = MONDAY + DAY
    gold = {"on": on, "tier": cast.programme.tiers.get(rank=2)}

    assert "above Silver" in refused(lambda: ask(cast, on=on), "tier_not_higher")
    assert "Choose a tier" in refused(lambda: ask(cast, **gold | {"tier": None}), "tier_not_higher")
    refused(lambda: ask(cast, **gold | {"tier": other.tiers.get(rank=2)}), "tier_of_another_programme")
    assert "after 3 March 2026" in refused(lambda: ask(cast, **gold, until=on), "protection_ends_too_soon")
    refused(lambda: ask(cast, **gold, until=datetime.date(2028, 3, 4)), "protection_ends_too_late")
    refused(lambda: ask(cast, **gold, reason=" "), "reason_missing")
    at_standard = MemberFactory(branch=cast.lujiazui)
    refused(lambda: ask(cast, on=on, member=at_standard, kind=Protection.Kind.FREEZE), "nothing_to_freeze")
    gone = MemberFactory(branch=cast.lujiazui, status="closed", closed_on=MONDAY)
    refused(lambda: ask(cast, on=on, member=gone), "membership_closed")
    stranger = MemberFactory(branch=cast.harbour)
    refused(lambda: ask(cast, on=on, member=stranger), "may_not_request")
    assert ask(cast, **gold, until=datetime.date(2028, 3, 3)).status == "pending"


def test_nobody_invites_alone_himself_or_beyond_his_limit(cast):
    one_up, two_up = ask(cast), ask(cast, tier=cast.programme.tiers.get(rank=2))
    cast.wang.user = StaffFactory(employee_number="E-QIAN", username="wang")
    cast.wang.save()

    refused(lambda: grant(one_up, cast.lin), "own_request")
    refused(lambda: grant(one_up, cast.qian), "own_account")
    refused(lambda: grant(two_up, cast.mo), "over_limit")

    assert grant(one_up, cast.mo).result == {"protection": Protection.objects.get().pk, "starts_on": "2026-03-02"}


def test_a_decision_since_the_request_makes_it_stale(cast):
    made = ask(cast)
    hold(cast.wang, 1)
    review(MONDAY)

    refused(lambda: grant(made, cast.qian, on=MONDAY + DAY), "stale")


def test_an_invitation_approved_too_late_is_refused(cast):
    made = ask(cast, until=MONDAY + 3 * DAY)

    refused(lambda: grant(made, cast.qian, on=MONDAY + 3 * DAY), "protection_ends_too_soon")


def test_an_end_can_neither_be_asked_for_nor_done_twice(cast):
    protection = protect(cast)
    review(MONDAY)
    end(cast, protection, on=MONDAY + DAY)
    protection.refresh_from_db()

    refused(lambda: end(cast, protection, on=MONDAY + DAY), "not_protected")


def test_a_request_tells_the_standing_before_and_after(cast):
    made = ask(cast)

    told = kind_of(made.kind).describe(made.payload, user=cast.mo, as_of=MONDAY)

    assert told.sentence == "Invite member A-WANG to Silver in Loyalty until 30 June 2026."
    [change] = told.changes
    assert (change.target, change.before, change.after) == (
        "A-WANG 王*",
        "Standard",
        "Silver, not lowered before 30 June 2026",
    )
    assert kind_of(made.kind).describe(made.payload, user=cast.qian, as_of=MONDAY).changes[0].target == "A-WANG"


def test_who_was_asked_and_who_decided_stands_in_the_trail(cast):
    protection = protect(cast)

    trail = AuditEvent.objects.filter(subject_id=str(protection.request_id)).order_by("at")

    assert [(event.verb, event.actor) for event in trail] == [
        ("approvals.request", cast.lin),
        ("approvals.approve", cast.qian),
    ]
    assert trail[1].new["result"]["protection"] == protection.pk


def test_another_book_of_the_programme_heeds_the_protection_too(cast):
    protect(cast)
    review(MONDAY)
    book_of(cast.programme, number=2, in_force_from=MONDAY + DAY)

    review_through(MONDAY + DAY, MONDAY + 3 * DAY)

    assert stands(cast.wang, MONDAY + 3 * DAY) == "silver"


@pytest.mark.parametrize("verb", [requesting.withdraw, deciding.reject])
def test_what_is_not_approved_protects_nothing(cast, verb):
    made = ask(cast)
    more = {"comment": "no"} if verb is deciding.reject else {}
    verb(request_id=made.pk, actor=Actor(user=cast.mo if more else cast.lin), at=noon(MONDAY), **more)

    review(MONDAY)

    assert decided(cast.wang) == []
