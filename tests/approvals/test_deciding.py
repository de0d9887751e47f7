"""Four eyes: what another person's approval does, and every way in which it is refused and nothing happens."""

import datetime
import json
import uuid

import pytest
from django.db import connection, transaction

from foundation.access.models import Role, StaffPosting
from foundation.actors import Actor
from foundation.approvals import deciding, expiring, kinds, requesting
from foundation.approvals.digesting import digest_of
from foundation.approvals.models import Decision, Request, Target
from foundation.audit.models import AuditEvent
from foundation.refusals import Refusal
from members.models import Member
from points import adjusting, correcting, ledger
from points.checking import RowRefused
from points.models import Entry, Kind
from tests.approvals.cast import (
    AT,
    LATER,
    Cast,
    approve,
    ask,
    assemble,
    picture,
    posted,
    reject,
    status_of,
    withdraw,
)
from tests.factories import MemberFactory, StaffFactory, UserFactory
from tests.points.cast import CLERK, MARCH_END, asked, books_ok, purse_of

TOMORROW = AT + datetime.timedelta(days=1)
MARCH_A_YEAR_ON = "2027-03-31"


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


def refused(refusal: type[Refusal], call, *arguments, **more) -> None:
    """Say that a call is refused so, and that nothing has changed."""
    before = picture()
    # The edge's transaction, which ends with the refusal.
    with pytest.raises(refusal), transaction.atomic():
        call(*arguments, **more)
    assert picture() == before


def test_another_persons_approval_books_exactly_what_was_asked_for(cast):
    made = ask(cast, 500)
    nothing_yet = purse_of(cast.wang, cast.points)["available"]

    decision = approve(made, cast.mo)

    entry = Entry.objects.get(member_id=cast.wang.pk, kind=Kind.ADJUST)
    assert nothing_yet == 1_000
    assert (entry.points, entry.cause, entry.figures) == (500, f"approval/{made.pk}", {"reason": "goodwill", "line": 1})
    assert (made.amount, made.worth_minor, made.own_account) == (500, 1_000, False)
    assert made.payload["rows"][0]["expires_on"] == MARCH_A_YEAR_ON
    assert (decision.decided_by, decision.employee_number, decision.result) == (
        cast.mo,
        "E-MO",
        {"booked": 1, "points": 500},
    )
    assert status_of(made) == "approved"
    assert purse_of(cast.wang, cast.points)["available"] == 1_500
    assert list(AuditEvent.objects.filter(subject_id=str(made.pk)).order_by("at").values_list("verb", "actor")) == [
        ("approvals.request", cast.lin.pk),
        ("approvals.approve", cast.mo.pk),
    ]
    assert books_ok()


def test_a_rejection_says_why_and_books_nothing(cast):
    made = ask(cast)
    refused(requesting.ReasonMissing, reject, made, cast.mo, comment="  ")

    reject(made, cast.mo)

    assert (status_of(made), Decision.objects.get().comment) == ("rejected", "no receipt")
    assert purse_of(cast.wang, cast.points)["entries"] == 1
    refused(requesting.AlreadyDecided, approve, made, cast.mo)


def test_the_requester_never_decides(cast):
    """F06: neither by approval nor by rejection, whatever role he holds."""
    made = ask(cast, by=cast.mo)

    refused(deciding.OwnRequest, approve, made, cast.mo)
    refused(deciding.OwnRequest, reject, made, cast.mo)


def test_nor_by_a_second_account_of_the_same_employee(cast):
    """F07: the number counts, however it is written."""
    made = ask(cast)
    second = posted(Role.FINANCE, cast.pudong, employee_number=" e-lin ")

    refused(deciding.OwnRequest, approve, made, second)


def test_nobody_without_an_employee_number_asks_or_decides(cast):
    made = ask(cast)
    nameless = posted(Role.FINANCE, cast.pudong, employee_number=None)

    refused(requesting.NoEmployeeNumber, approve, made, nameless)
    refused(requesting.NoEmployeeNumber, ask, cast, by=nameless)
    refused(
        requesting.NoEmployeeNumber,
        deciding.approve,
        request_id=made.pk, seen_hash=made.payload_hash, actor=Actor.job("shell"), at=LATER,
    )  # fmt: skip


def test_for_another_branch_the_request_does_not_exist(cast):
    """F08."""
    made = ask(cast)

    refused(requesting.NoSuchRequest, approve, made, cast.hua)
    refused(requesting.NoSuchRequest, reject, made, cast.hua)
    refused(requesting.NoSuchRequest, withdraw, made, cast.hua)
    assert not Request.objects.visible_to(cast.hua, on=AT.date()).exists()


@pytest.mark.parametrize("role", [Role.TELLER, Role.PROGRAMME_MANAGER, Role.COMPLIANCE])
def test_who_may_read_may_not_therefore_decide(cast, role):
    refused(deciding.MayNotDecide, approve, ask(cast), posted(role, cast.pudong))


def test_not_even_a_superuser_passes_by_his_postings(cast):
    refused(deciding.MayNotDecide, approve, ask(cast), StaffFactory(is_superuser=True))


def test_a_posting_that_has_ended_decides_nothing(cast):
    made = ask(cast)
    StaffPosting.objects.filter(user=cast.mo).update(ends_on=AT.date())

    refused(requesting.NoSuchRequest, approve, made, cast.mo)


@pytest.mark.parametrize("role", [Role.COMPLIANCE, Role.FINANCE, Role.IT])
def test_only_some_roles_ask(cast, role):
    refused(requesting.MayNotRequest, ask, cast, by=posted(role, cast.pudong))


def test_nobody_asks_outside_his_branches(cast):
    far = MemberFactory(branch=cast.harbour)

    refused(requesting.MayNotRequest, ask, cast, member=far)


def test_above_his_limit_somebody_higher_must_decide(cast):
    made = ask(cast, 50_001)

    refused(deciding.OverLimit, approve, made, cast.mo)
    approve(made, cast.fang)

    assert status_of(made) == "approved"


def test_small_requests_of_one_person_sum_up_over_the_day(cast):
    """F08: no salami. 100,000 a day are three of 33,333 and not a fourth, for other members too; the next day is another."""
    crowd = MemberFactory.create_batch(5, branch=cast.lujiazui)
    for member in crowd[:3]:
        approve(ask(cast, 33_333, member=member), cast.mo)
    fourth, fifth = ask(cast, 33_333, member=crowd[3]), ask(cast, 1, member=crowd[4])

    refused(deciding.OverLimit, approve, fourth, cast.mo)
    approve(fifth, cast.mo)
    approve(fourth, cast.mo, at=TOMORROW)

    assert status_of(fourth) == status_of(fifth) == "approved"


def test_small_requests_for_one_member_sum_up_whoever_asks(cast):
    people = [posted(Role.TELLER, cast.lujiazui) for _ in range(3)]
    for minute, person in enumerate(people[:2]):
        at = AT + datetime.timedelta(minutes=minute)
        approve(ask(cast, 50_000, by=person, at=at), cast.mo, at=at)

    refused(
        deciding.OverLimit, approve, ask(cast, 1, by=people[2], at=TOMORROW - datetime.timedelta(hours=20)), cast.mo
    )


def test_who_credits_himself_is_flagged_and_another_decides(cast):
    """F09: as the one who signs in, or by the employee number of his other account."""
    Member.objects.filter(pk=cast.wang.pk).update(user=cast.lin)
    made = ask(cast)

    approve(made, cast.mo)

    assert made.own_account is True


def test_who_gains_does_not_decide(cast):
    """F09: the decider's own record, by his other account."""
    private = UserFactory(employee_number="e-mo")
    Member.objects.filter(pk=cast.wang.pk).update(user=private)
    made, debit = ask(cast), ask(cast, -10)

    refused(deciding.OwnAccount, approve, made, cast.mo)
    approve(debit, cast.mo)

    assert (made.own_account, status_of(debit)) == (False, "approved")


def test_what_was_not_shown_is_not_approved(cast):
    refused(deciding.PayloadChanged, approve, ask(cast), cast.mo, seen_hash="0" * 64)


def test_a_purse_that_moved_since_makes_the_request_stale(cast):
    """F16: it must be made anew; the mark is set apart from the refusal."""
    made = ask(cast)
    fresh = deciding.set_aside(request_id=made.pk, actor=CLERK, at=LATER)
    ledger.post([asked(cast.wang, cast.points, 7)], actor=CLERK)

    refused(requesting.Stale, approve, made, cast.mo)
    aside = deciding.set_aside(request_id=made.pk, actor=Actor(user=cast.mo), at=LATER)

    assert (fresh, aside, status_of(made)) == (False, True, "stale")
    refused(requesting.Stale, approve, made, cast.mo)
    approve(ask(cast, at=LATER), cast.mo)


def test_a_member_who_left_or_moved_makes_it_stale(cast):
    made = ask(cast)
    Member.objects.filter(pk=cast.wang.pk).update(branch=cast.pudong)

    refused(requesting.Stale, approve, made, cast.mo)


def test_an_approved_request_is_not_replayed(cast):
    """F16."""
    made = ask(cast)
    approve(made, cast.mo)

    refused(requesting.AlreadyDecided, approve, made, cast.mo)
    refused(requesting.AlreadyDecided, reject, made, cast.fang)
    refused(requesting.AlreadyDecided, withdraw, made, cast.lin)


def test_only_its_maker_takes_a_request_back_and_then_nobody_decides(cast):
    """F17."""
    made = ask(cast)
    refused(requesting.NotYours, withdraw, made, cast.mo)

    withdraw(made, cast.lin)

    assert status_of(made) == "withdrawn"
    refused(requesting.Withdrawn, approve, made, cast.mo)
    refused(requesting.Withdrawn, withdraw, made, cast.lin)


def test_an_expired_request_is_refused_before_and_after_the_ring_notes_it(cast):
    """F17."""
    made, after = ask(cast), AT + datetime.timedelta(days=14)

    early = expiring.expire(actor=Actor.job("ring"), at=after - datetime.timedelta(seconds=1))
    refused(requesting.Expired, approve, made, cast.mo, at=after)
    rung = [expiring.expire(actor=Actor.job("ring"), at=after) for _ in range(2)]

    assert (early, rung, status_of(made)) == (0, [1, 0], "expired")
    assert AuditEvent.objects.get(verb="approvals.expire").new == {"expired": [str(made.pk)]}
    refused(requesting.Expired, approve, made, cast.mo, at=after)


def test_the_same_request_again_is_the_first_and_another_content_is_refused(cast):
    one = uuid.uuid4()
    first, again = ask(cast, id=one), ask(cast, id=one)

    assert (first.pk, Request.objects.count(), Target.objects.count()) == (again.pk, 1, 1)
    refused(requesting.RequestIdTaken, ask, cast, 501, id=one)


def test_a_payload_reads_back_as_it_was_digested(cast):
    payload = {"b": [1, -2, '王 \\ " \u2028 𠮷'], "a": {"z": None, "y": True, "x": 10**12}}
    made = ask(cast)

    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(payload)])
        assert digest_of(json.loads(cursor.fetchone()[0])) == digest_of(payload)
    assert digest_of(Request.objects.get(pk=made.pk).payload) == made.payload_hash
    with pytest.raises(TypeError):
        digest_of({"day": AT})


def test_more_than_there_is_is_refused_before_the_request_and_again_at_the_decision(cast):
    debit = ask(cast, -900)
    other = ask(cast, -900, by=cast.mo)

    refused(RowRefused, ask, cast, -1_001)
    approve(other, cast.fang)
    # Not the stale refusal: the verb itself, as it would answer between the check and the lock.
    versions = dict(debit.targets.values_list("subject", "version"))
    refused(
        adjusting.Insufficient,
        adjusting.adjust,
        payload=debit.payload, request_id=debit.pk, reason="", versions=versions, actor=CLERK, as_of=AT.date(),
    )  # fmt: skip


def test_the_verb_notices_what_was_booked_after_the_version_was_read(cast):
    made = ask(cast)
    versions = dict(made.targets.values_list("subject", "version"))
    ledger.post([asked(cast.wang, cast.points, 7)], actor=CLERK)

    refused(
        requesting.Stale,
        adjusting.adjust,
        payload=made.payload, request_id=made.pk, reason="", versions=versions, actor=CLERK, as_of=AT.date(),
    )  # fmt: skip


def test_points_that_lapse_before_they_are_booked_are_refused(cast):
    made = ask(cast, expires_on=MARCH_END, at=AT + datetime.timedelta(days=25))

    refused(adjusting.AlreadyLapsed, approve, made, cast.mo, at=AT + datetime.timedelta(days=30))


def test_words_are_kept_without_what_hides_in_them(cast):
    """H07: no control character reaches the database, no mark turns what the checker reads."""
    made = ask(cast, reason="good\u202ewill\x00 \ud800 !")
    refused(requesting.ReasonMissing, reject, made, cast.mo, comment="\x00 \u200b")
    refused(requesting.ReasonMissing, approve, made, cast.mo, comment="x" * 401)

    decision = reject(made, cast.mo, comment=" \x00no\n\nreceipt ")

    assert (made.reason, made.payload["rows"][0]["reason"], decision.comment) == (
        "good will !",
        "good will !",
        "no receipt",
    )


def test_a_kind_is_registered_once():
    with pytest.raises(ValueError, match="registered twice"):
        kinds.register(correcting.KIND)
    codes = [kind.code for kind in kinds.registered()]
    assert codes == sorted(set(codes))
    assert "points.adjust" in codes
