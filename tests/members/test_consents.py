"""Consents: the last word on the version in force counts, and every word stays."""

import datetime

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from members import consents
from members.consents import Choice
from members.models import Consent, ConsentText, Member
from tests.factories import ConsentTextFactory, MemberFactory, UserFactory
from tests.members.cast import NOON, TODAY, open_bank

pytestmark = pytest.mark.django_db


@pytest.fixture
def mei():
    open_bank()
    return MemberFactory(user=UserFactory())


def said(member, what, **more):
    more = {"channel": "portal", "today": TODAY, "at": NOON, "actor": Actor(user=member.user)} | more
    return what(member_id=member.pk, **more)


def allowed(member, *, on=TODAY, purpose="marketing"):
    return consents.allows(member_id=member.pk, purpose=purpose, on=on)


def test_nobody_is_addressed_who_has_not_said_yes(mei):
    assert not allowed(mei)


def test_a_yes_allows_and_a_no_ends_it(mei):
    said(mei, consents.give, purpose="marketing", version=1)
    given = allowed(mei)
    said(mei, consents.withdraw, purpose="marketing")

    assert (given, allowed(mei)) == (True, False)
    assert list(Consent.objects.order_by("id").values_list("text__version", "given")) == [(1, True), (1, False)]


def test_what_was_said_already_is_not_written_again(mei):
    said(mei, consents.give, purpose="marketing", version=1)
    said(mei, consents.give, purpose="marketing", version=1)
    said(mei, consents.withdraw, purpose="marketing")
    said(mei, consents.withdraw, purpose="marketing")

    assert Consent.objects.count() == 2
    assert AuditEvent.objects.filter(verb="consents.choose", subject_id=str(mei.pk)).count() == 2


def test_a_new_version_is_asked_anew(mei):
    said(mei, consents.give, purpose="marketing", version=1)
    ConsentTextFactory(purpose="marketing", version=2, in_force_from=TODAY + datetime.timedelta(days=1))
    later = TODAY + datetime.timedelta(days=1)

    assert (allowed(mei), allowed(mei, on=later)) == (True, False)
    [stand] = [one for one in consents.stands(member_id=mei.pk, on=later) if one.text.purpose == "marketing"]
    assert (stand.text.version, stand.holds, stand.is_outdated) == (2, False, True)
    # Withdrawing asks for no version: what he agreed to is no longer shown.
    said(mei, consents.withdraw, purpose="marketing", today=later)
    assert not consents.stands(member_id=mei.pk, on=later)[-1].is_outdated


def test_a_yes_to_a_text_that_is_not_in_force_is_refused(mei):
    with pytest.raises(consents.TextOutdated):
        said(mei, consents.give, purpose="marketing", version=2)
    with pytest.raises(consents.NoSuchPurpose):
        said(mei, consents.give, purpose="profiling", version=1)

    assert not Consent.objects.exists()


def test_what_the_membership_rests_on_is_not_withdrawn_by_a_tap(mei):
    said(mei, consents.give, purpose="terms", version=1)

    with pytest.raises(consents.MembershipRestsOnIt):
        said(mei, consents.withdraw, purpose="terms")

    assert Consent.objects.get().given


def test_answers_come_all_or_none(mei):
    answers = [Choice(purpose="marketing", version=1, given=True), Choice(purpose="terms", version=7, given=True)]

    with pytest.raises(consents.TextOutdated), transaction.atomic():
        said(mei, consents.choose, choices=answers)

    assert not Consent.objects.exists()


def test_answers_to_what_has_changed_meanwhile_are_refused(mei):
    seen = consents.tag(consents.stands(member_id=mei.pk, on=TODAY))
    said(mei, consents.give, purpose="marketing", version=1)

    with pytest.raises(consents.ConsentsChanged):
        said(mei, consents.choose, choices=[Choice(purpose="marketing", version=1, given=False)], seen=seen)

    assert allowed(mei)


def test_an_invited_member_is_not_addressed_and_joins_by_agreeing(mei):
    invited = MemberFactory(invited=True, user=UserFactory())
    said(invited, consents.give, purpose="marketing", version=1)
    before = (invited.state, allowed(invited))

    said(invited, consents.give, purpose="terms", version=1)
    said(invited, consents.give, purpose="privacy", version=1)

    invited.refresh_from_db()
    assert before == ("invited", False)
    assert (invited.state, invited.accepted_at, allowed(invited)) == ("active", NOON, True)


def test_a_closed_member_is_not_addressed(mei):
    said(mei, consents.give, purpose="marketing", version=1)
    Member.objects.filter(pk=mei.pk).update(status="closed", closed_on=TODAY)

    assert not allowed(mei)


@pytest.mark.parametrize("members", [1, 30])
def test_many_are_sifted_in_one_statement(mei, members, django_assert_num_queries):
    text = ConsentText.objects.get(purpose="marketing")
    crowd = MemberFactory.create_batch(members, branch=mei.branch)
    Consent.objects.bulk_create(
        Consent(member=one, text=text, given=place % 3 != 0, at=NOON, channel="file") for place, one in enumerate(crowd)
    )

    with django_assert_num_queries(1):
        found = set(consents.allowing(Member.objects.all(), purpose="marketing", on=TODAY))

    assert found == {one for place, one in enumerate(crowd) if place % 3}


def test_a_new_text_that_the_membership_rests_on_is_asked(mei):
    for purpose in ("terms", "privacy"):
        said(mei, consents.give, purpose=purpose, version=1)
    before = consents.wanting(member_id=mei.pk, on=TODAY)
    ConsentTextFactory(purpose="terms", version=2, in_force_from=datetime.date(2021, 1, 1))

    assert before == []
    assert [stand.text.code for stand in consents.wanting(member_id=mei.pk, on=TODAY)] == ["terms 2"]


@pytest.mark.parametrize("table", ["members_consent", "members_consenttext"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_was_said_and_what_was_shown_is_never_edited(mei, table, statement):
    said(mei, consents.give, purpose="marketing", version=1)

    with pytest.raises((ProgrammingError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))

    assert Consent.objects.count() == 1
