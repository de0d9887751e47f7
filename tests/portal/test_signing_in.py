"""One door for members and staff; each goes on to his own pages, in his own language."""

import pytest
from django.test import Client

from tests.factories import PASSWORD, MemberFactory, StaffFactory, StaffPostingFactory, UserFactory
from tests.signing_in import sign_in

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


def test_a_stranger_is_asked_to_sign_in_and_comes_back(client: Client) -> None:
    MemberFactory(user=UserFactory(username="mei"))

    asked = client.get("/points")
    answer = client.post(asked["Location"], {"login": "mei", "password": PASSWORD})

    assert (asked.status_code, asked["Location"]) == (302, f"{LOGIN}?next=/points")
    assert (answer.status_code, answer["Location"]) == (302, "/points")


def test_a_member_comes_to_his_own_pages_and_staff_to_the_console(client: Client) -> None:
    MemberFactory(user=UserFactory(username="mei"))
    StaffPostingFactory(user=StaffFactory(username="teller"))

    member = client.post(LOGIN, {"login": "mei", "password": PASSWORD})
    client.logout()
    staff = sign_in(client, "teller")

    assert (member["Location"], staff["Location"]) == ("/", "/console/")


def test_a_wrong_password_is_said_once_and_keeps_the_name(client: Client) -> None:
    UserFactory(username="mei")

    page = client.post(LOGIN, {"login": "mei", "password": "wrong"}).content.decode()

    assert page.count('role="alert"') == 1
    assert 'value="mei"' in page


def test_staff_without_a_membership_are_sent_to_their_own_door(client: Client) -> None:
    client.force_login(StaffPostingFactory().user)

    assert client.get("/")["Location"] == "/console/"


def test_a_user_who_is_neither_is_refused(client: Client) -> None:
    client.force_login(UserFactory())

    assert client.get("/").status_code == 403


def test_a_member_does_not_come_into_the_console(client: Client) -> None:
    client.force_login(MemberFactory(user=UserFactory()).user)

    answer = client.get("/console/", follow=True)

    assert answer.status_code == 403


def test_signing_out_asks_first_and_then_ends_the_session(client: Client) -> None:
    client.force_login(MemberFactory(user=UserFactory()).user)

    asked = client.get("/accounts/logout/")
    client.post("/accounts/logout/")

    assert "Sign out?" in asked.content.decode()
    assert client.get("/me").status_code == 302


@pytest.mark.parametrize(
    ("preferred", "language"),
    [("zh-CN", "zh-hans"), ("zh-HK", "zh-hant"), ("zh-TW,zh;q=0.8", "zh-hant"), ("fr", "en"), ("en-GB", "en")],
)
def test_the_browser_s_language_is_taken(client: Client, preferred: str, language: str) -> None:
    page = client.get(LOGIN, headers={"accept-language": preferred}).content.decode()

    assert f'<html lang="{language}">' in page


def test_a_chosen_language_is_kept_and_the_page_too(client: Client) -> None:
    answer = client.post("/i18n/setlang/", {"language": "zh-hant", "next": f"{LOGIN}?next=/points"})
    page = client.get(LOGIN, headers={"accept-language": "en"}).content.decode()

    assert answer["Location"] == f"{LOGIN}?next=/points"
    assert '<html lang="zh-hant">' in page


def test_only_the_pages_that_exist_are_open(client: Client) -> None:
    for page in ("signup", "password/reset", "email", "password/change"):
        assert client.get(f"/accounts/{page}/").status_code == 404


def test_an_address_that_is_none_is_answered_in_the_look(client: Client) -> None:
    answer = client.get("/nothing-here")

    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_form_that_was_open_too_long_is_refused_in_words() -> None:
    answer = Client(enforce_csrf_checks=True).post(LOGIN, {"login": "mei"})

    assert answer.status_code == 403
    assert "open for too long" in answer.content.decode()
