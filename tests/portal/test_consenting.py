"""The member's consents in the portal: purpose by purpose, taken back by one tap; and what is new is asked first."""

import pytest
from django.test import Client

from members import consents
from members.models import Consent, Member
from tests.factories import ConsentTextFactory, MemberFactory, PointCurrencyFactory

PURPOSES = ("terms", "privacy", "marketing")


@pytest.fixture
def texts(mei: Member) -> None:
    PointCurrencyFactory()
    for purpose in PURPOSES:
        ConsentTextFactory(purpose=purpose)


@pytest.fixture
def her(client: Client, mei: Member, texts: None) -> Client:
    """She has agreed to terms and privacy, and is signed in."""
    client.force_login(mei.user)
    client.post("/agree", {"terms": "1", "privacy": "1"})
    return client


def answer(client: Client, given: str, **more: str):
    return client.post("/me/consents", {"purpose": "marketing", "version": "1", "given": given, **more})


def test_what_the_membership_rests_on_is_asked_before_anything_else(client: Client, mei: Member, texts: None):
    client.force_login(mei.user)

    asked = client.get("/points/points?after=x")
    page = client.get(asked["Location"]).content.decode()
    short = client.post("/agree", {"terms": "1", "next": "/tier"}).content.decode()
    agreed = client.post("/agree", {"terms": "1", "privacy": "1", "next": "/tier"})

    assert asked["Location"] == "/agree?next=%2Fpoints%2Fpoints%3Fafter%3Dx"
    assert "Please read and agree" in page
    assert "marketing" not in page
    assert "To join, agree to this: privacy 1." in short
    assert agreed["Location"] == "/tier"
    assert client.get("/").status_code == 200


def test_a_new_version_is_asked_at_the_next_visit(her: Client):
    before = her.get("/").status_code
    ConsentTextFactory(purpose="terms", version=2, in_force_from="2021-01-01")

    after = her.get("/")
    outdated = her.post("/agree", {"terms": "1"}).content.decode()
    her.post("/agree", {"terms": "2"})

    assert (before, after.status_code, after["Location"]) == (200, 302, "/agree?next=%2F")
    assert "The text has changed meanwhile." in outdated
    assert her.get("/").status_code == 200


def test_agreeing_leads_nowhere_else(client: Client, mei: Member, texts: None):
    client.force_login(mei.user)

    sent = client.post("/agree", {"terms": "1", "privacy": "1", "next": "https://elsewhere.example/"})

    assert sent["Location"] == "/"


def test_she_agrees_and_takes_it_back_by_one_tap_each(her: Client, mei: Member, today):
    given = answer(her, "yes")
    page = her.get(given["Location"]).content.decode()
    allowed = consents.allows(member_id=mei.pk, purpose="marketing", on=today)
    withdrawn = answer(her, "no")

    assert (given["Location"], withdrawn["Location"]) == ("/me/consents?done=given", "/me/consents?done=withdrawn")
    assert "You agreed. You can take it back here at any time." in page
    assert "version 1" in page
    assert (allowed, consents.allows(member_id=mei.pk, purpose="marketing", on=today)) == (True, False)
    assert "Not agreed, since" in her.get("/me/consents").content.decode()


@pytest.mark.parametrize(
    ("more", "status", "sentence"),
    [
        ({"purpose": "terms", "said": "no"}, 409, "Your membership rests on this consent."),
        ({"purpose": "else"}, 404, "There is no text for this purpose."),
        ({"version": "9"}, 409, "The text has changed meanwhile."),
        ({"version": "٣"}, 409, "The text has changed meanwhile."),
        ({"version": "1" * 500}, 409, "The text has changed meanwhile."),
    ],
)
def test_what_cannot_be_said_is_refused_in_words(her: Client, more, status, sentence):
    before = Consent.objects.count()

    refused = answer(her, more.pop("said", "yes"), **more)

    assert (refused.status_code, sentence in refused.content.decode()) == (status, True)
    assert Consent.objects.count() == before


def test_consents_of_others_are_out_of_reach(her: Client):
    other = MemberFactory()

    answer(her, "yes", member=str(other.pk), member_id=str(other.pk))

    assert not Consent.objects.filter(member=other).exists()


def test_a_stranger_is_asked_to_sign_in(client: Client, texts: None):
    assert client.get("/me/consents")["Location"] == "/accounts/login/?next=/me/consents"
    assert client.get("/agree")["Location"] == "/accounts/login/?next=/agree"


def test_home_asks_no_more_of_the_database_for_it(her: Client, django_assert_max_num_queries):
    her.get("/me")

    with django_assert_max_num_queries(6):
        her.get("/me")
