"""A member reads everything the bank knows of him and corrects what is his."""

import pytest
from django.test import Client

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from members import consents, knowing
from members.consents import Choice
from members.files import FactSource, MemberFile
from members.models import Member
from members.sealing import PersonalData, seal_person
from tests.factories import ConsentTextFactory


@pytest.fixture
def her(client: Client, mei: Member) -> Client:
    """Mei's browser; the bank knows her name, and her post from a clerk."""
    seal_person(mei.pk, PersonalData(full_name="梅雨", phone="10088880001")).save()
    said = {"today": clock.today(), "at": clock.now(), "actor": Actor(user=mei.user)}
    knowing.put(member_id=mei.pk, facts={"post": "Clerk"}, source=FactSource.TOLD, told_on=clock.today(), **said)
    client.force_login(mei.user)
    return client


def agree(mei: Member, *, given: bool = True) -> None:
    """Let Mei agree to be profiled."""
    if given:
        ConsentTextFactory(purpose="profiling")
    choice = Choice(purpose="profiling", version=1, given=given)
    said = {"today": clock.today(), "at": clock.now(), "actor": Actor(user=mei.user)}
    consents.choose([choice], member_id=mei.pk, channel="portal", **said)


def form_of(her: Client) -> dict[str, object]:
    """Return what the form would send back untouched."""
    form = her.get("/me/details/correct").context["form"]
    return {name: value for name in form.fields if (value := form[name].value())}


def test_she_sees_each_fact_in_clear_with_its_source(her: Client) -> None:
    page = her.get("/me/details").content.decode()

    assert "梅雨" in page
    assert "Clerk" in page
    assert "told to staff" in page
    assert "10088880001" in page


def test_she_corrects_what_is_hers(her: Client, mei: Member) -> None:
    answer = her.post("/me/details/correct", form_of(her) | {"post": "Manager", "preferred_channel": "sms"})

    assert answer.status_code == 302
    page = her.get(answer["Location"]).content.decode()
    assert "Manager" in page
    assert "text message" in page
    assert "the member himself" in page
    assert AuditEvent.objects.filter(verb="knowing.put", actor=mei.user).count() == 2


def test_what_needs_a_consent_is_asked_only_with_it(her: Client, mei: Member) -> None:
    without = her.get("/me/details/correct").context["form"].fields
    agree(mei)
    answer = her.post("/me/details/correct", form_of(her) | {"interests": ["travel", "music"]})
    agree(mei, given=False)

    page = her.get("/me/details").content.decode()

    assert answer.status_code == 302
    assert "interests" not in without
    assert "full_name" not in without
    assert "not used: you withdrew the consent" in page
    assert "travel, music" not in page


def test_a_form_read_before_another_change_is_refused(her: Client, mei: Member) -> None:
    read = form_of(her)
    her.post("/me/details/correct", read | {"post": "Manager"})

    late = her.post("/me/details/correct", read | {"post": "Director"})
    wrong = her.post("/me/details/correct", form_of(her) | {"post": "x" * 150})

    assert late.status_code == 412
    assert wrong.status_code == 422
    assert "This has 100 characters at most." in wrong.content.decode()
    assert "Manager" in her.get("/me/details").content.decode()


def test_her_word_that_all_is_right_moves_the_review(her: Client, mei: Member) -> None:
    MemberFile.objects.filter(pk=mei.pk).update(reviewed_on="2020-01-01", due_on="2023-01-01")
    before = her.get("/me/details").content.decode()

    after = her.post("/me/details", follow=True).content.decode()

    assert "It is time to look through your details." in before
    assert "It is time to look through your details." not in after
    assert "Thank you." in after


def test_a_member_of_whom_nothing_is_known_has_a_page_too(page) -> None:
    assert "Nothing yet." in page("/me/details")
