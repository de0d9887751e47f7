"""Sessions: a new key at sign-in, an end when idle and in all, a list of devices, and everything dead at once (G02, G04, G09)."""

import datetime
import time

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from oauth2_provider.models import get_access_token_model

from foundation.access import arriving, ending, passwords
from foundation.access.models import Device, SignIn, User
from foundation.access.signing_in import KEPT
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from tests.factories import PASSWORD, MemberFactory, StaffFactory, StaffPostingFactory, UserFactory
from tests.signing_in import LOGIN, sign_in

pytestmark = pytest.mark.django_db
CHROME = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
NEW_PASSWORD = "another-horse-of-mine"
HIMSELF = Actor.job("test")


@pytest.fixture
def mei() -> User:
    return MemberFactory(user=UserFactory(username="mei")).user


def signed_in(username: str = "mei", **more: str) -> Client:
    client = Client(headers={"user-agent": CHROME}, **more)
    assert sign_in(client, username).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/me").status_code == 200


def aged(client: Client, **minutes: int) -> None:
    """Let a session have been seen, or have begun, so many minutes ago."""
    session = client.session
    session[KEPT] |= {name: int(time.time()) - 60 * count - 1 for name, count in minutes.items()}
    session.save()


def test_a_session_planted_before_is_not_the_one_that_goes_on(mei: User) -> None:
    client = Client()
    client.get(LOGIN)
    client.session["planted"] = True
    client.session.save()
    planted = client.session.session_key

    sign_in(client, "mei")

    assert client.session.session_key != planted
    assert not is_in(Client(headers={"cookie": f"sessionid={planted}"}))


def test_the_cookies_are_shut_to_scripts_and_to_other_sites(mei: User) -> None:
    client = signed_in()

    for name in (settings.SESSION_COOKIE_NAME, settings.DEVICE_COOKIE_NAME):
        assert (client.cookies[name]["httponly"], client.cookies[name]["samesite"]) == (True, "Lax"), name


@pytest.mark.parametrize(("username", "idle", "absolute"), [("mei", 60, 1440), ("teller", 30, 600)])
def test_a_session_ends_when_idle_and_in_all_staffs_sooner(mei: User, username: str, idle: int, absolute: int) -> None:
    StaffPostingFactory(user=StaffFactory(username="teller"))
    door = "/console/" if username == "teller" else "/me"
    client = signed_in(username)

    aged(client, seen=idle - 1, began=absolute - 1)
    before = client.get(door).status_code
    aged(client, seen=idle, began=idle)
    at_idle = client.get(door).status_code
    client = signed_in(username)
    aged(client, seen=0, began=absolute)
    at_end = client.get(door).status_code

    assert (before, at_idle, at_end) == (200, 302, 302)


def test_being_there_keeps_a_session_and_is_written_once_a_minute(mei: User) -> None:
    client = signed_in()

    with CaptureQueriesContext(connection) as quiet:
        client.get("/me")
    aged(client, seen=5)
    with CaptureQueriesContext(connection) as minuted:
        client.get("/me")

    writes = [[query["sql"] for query in asked if query["sql"].startswith("UPDATE")] for asked in (quiet, minuted)]
    assert [len(each) for each in writes] == [0, 2]  # the session, and the list of devices
    assert time.time() - client.session[KEPT]["seen"] < 60
    assert SignIn.objects.get().seen_at > SignIn.objects.get().began_at


def test_the_list_tells_the_browser_and_the_network_coarse(mei: User) -> None:
    client = signed_in()

    page = client.get("/security/").content.decode()

    assert "Chrome, Android" in page and "127.0.0.x" in page and "this device" in page
    assert "127.0.0.1" not in page
    assert SignIn.objects.get().network == "127.0.0.x"


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (CHROME, "Chrome, Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("curl/8.5.0", "curl"),
        ("<script>alert(1)</script>", "–"),
        ("", "–"),
    ],
)
def test_a_browser_is_told_in_two_words(agent: str, told: str) -> None:
    assert arriving.browser_of(agent) == told


@pytest.mark.parametrize(
    ("address", "told"), [("203.0.113.77", "203.0.113.x"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("", ""), ("x", "")]
)
def test_a_network_is_told_coarse(address: str, told: str) -> None:
    assert arriving.network_of(address) == told


def test_one_device_is_ended_and_the_others_stay(mei: User) -> None:
    phone, desk = signed_in(), signed_in()
    [first, _second] = SignIn.objects.order_by("began_at")

    desk.post(f"/security/devices/{first.pk}/end/")
    again = desk.post(f"/security/devices/{first.pk}/end/", follow=True)

    assert (is_in(phone), is_in(desk)) == (False, True)
    assert "not signed in any more" in again.content.decode()
    assert AuditEvent.objects.get().verb == "access.end_sign_in"


def test_who_signed_out_or_was_idle_stands_on_the_list_no_more(mei: User) -> None:
    left, idle, here = signed_in(), signed_in(), signed_in()
    left.post("/accounts/logout/")
    SignIn.objects.filter(session_key=idle.session.session_key).update(
        seen_at=F("seen_at") - datetime.timedelta(minutes=66), began_at=F("began_at") - datetime.timedelta(minutes=66)
    )

    [only] = here.get("/security/").context["sign_ins"]

    assert only.session_key == here.session.session_key


def test_nobody_ends_another_s_device(mei: User) -> None:
    MemberFactory(user=UserFactory(username="lin"))
    hers, his = signed_in(), signed_in("lin")

    his.post(f"/security/devices/{SignIn.objects.get(user=mei).pk}/end/")

    assert is_in(hers)
    assert not AuditEvent.objects.exists()


def test_signing_out_everywhere_else_ends_sessions_and_tokens_and_keeps_this_one(mei: User) -> None:
    phone, desk = signed_in(), signed_in()
    unlisted = Client()
    unlisted.force_login(mei)
    get_access_token_model().objects.create(user=mei, token="t", expires=clock.now(), scope="")

    desk.post("/security/devices/end-others/")

    assert (is_in(phone), is_in(unlisted), is_in(desk)) == (False, False, True)
    assert not get_access_token_model().objects.exists()
    assert SignIn.objects.open().get().session_key == desk.session.session_key


def test_a_changed_password_ends_all_others_at_once(mei: User) -> None:
    """G02: not after five minutes."""
    phone, desk = signed_in(), signed_in()
    get_access_token_model().objects.create(user=mei, token="t", expires=clock.now(), scope="")

    wrong = desk.post("/security/password/", {"current": "x", "new": NEW_PASSWORD})
    weak = desk.post("/security/password/", {"current": PASSWORD, "new": "password"})
    unchanged = is_in(phone)
    done = desk.post("/security/password/", {"current": PASSWORD, "new": NEW_PASSWORD})

    assert "not your present password" in wrong.content.decode() and "too common" in weak.content.decode()
    assert unchanged
    assert done["Location"] == "/security/?done=password"
    assert (is_in(phone), is_in(desk)) == (False, True)
    assert not get_access_token_model().objects.exists()
    assert sign_in(Client(), "mei").status_code == 200
    assert sign_in(Client(), "mei", password=NEW_PASSWORD).status_code == 302
    assert AuditEvent.objects.get().verb == "access.change_password"


def test_a_refused_password_changes_nothing(mei: User) -> None:
    client = signed_in()

    with pytest.raises(passwords.WrongPassword):
        passwords.change(user=mei, current="x", new=NEW_PASSWORD, at=clock.now(), actor=HIMSELF)

    assert is_in(client)
    assert User.objects.get(pk=mei.pk).secured_at is None
    assert not AuditEvent.objects.exists() and not Obligation.objects.exists()


def test_who_is_disabled_is_out_at_once(mei: User) -> None:
    client = signed_in()
    get_access_token_model().objects.create(user=mei, token="t", expires=clock.now(), scope="")

    ending.close(user=mei, at=clock.now())

    assert not is_in(client)
    assert not get_access_token_model().objects.exists()
    assert sign_in(Client(), "mei").status_code == 200


def test_a_new_device_is_told_and_a_known_one_is_not(mei: User) -> None:
    first = signed_in()
    first.post("/accounts/logout/")
    sign_in(first, "mei")
    told_for_known = Obligation.objects.count()

    signed_in()

    assert told_for_known == 0
    assert Obligation.objects.get().payload["about"].split()[1] == "new_device"
    assert Device.objects.count() == 2


def test_a_token_of_a_device_is_never_stored(mei: User) -> None:
    client = signed_in()

    token = client.cookies[settings.DEVICE_COOKIE_NAME].value
    assert token.encode() not in bytes(Device.objects.get().token_hash)


def test_a_made_up_device_is_a_new_one(mei: User) -> None:
    for token in ("x", "é" * 43, "a" * 44):
        client = Client()
        client.cookies[settings.DEVICE_COOKIE_NAME] = token
        sign_in(client, "mei")
        assert client.cookies[settings.DEVICE_COOKIE_NAME].value != token


def test_guessing_shuts_the_guesser_out_and_not_the_owner(mei: User, settings) -> None:
    """G04: throttled per account and device; whoever wants to lock a victim out does not."""
    settings.ACCOUNT_RATE_LIMITS = {"login": "1000/m/ip", "login_failed": "1000/m/ip,5/300s/key"}
    owner = signed_in()
    owner.post("/accounts/logout/")
    guesser = Client()

    for _guess in range(5):
        guesser.post(LOGIN, {"login": "mei", "password": "wrong"})
    right_from_outside = sign_in(Client(), "mei")
    right_from_his_own = sign_in(owner, "mei")

    assert "Too many failed" in right_from_outside.content.decode()
    assert right_from_his_own.status_code == 302


def test_spraying_over_many_names_from_one_address_is_shut_out(mei: User, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "1000/m/ip", "login_failed": "10/m/ip,5/300s/key"}

    for number in range(10):
        Client().post(LOGIN, {"login": f"name{number}", "password": PASSWORD})
    answer = sign_in(Client(), "mei")

    assert answer.status_code == 200 and "Too many failed" in answer.content.decode()


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(mei: User) -> None:
    """G06."""
    UserFactory(username="gone", is_active=False)

    answers = {
        Client().post(LOGIN, {"login": name, "password": password}).content.decode().split("<form")[2].replace(name, "")
        for name, password in (("mei", "wrong"), ("nobody", "wrong"), ("gone", PASSWORD))
    }

    assert len({answer.partition('id="id_login"')[2] for answer in answers}) == 1


def test_old_sign_ins_are_forgotten(mei: User) -> None:
    signed_in()
    at = SignIn.objects.get().seen_at

    assert ending.forget(at=at + ending.KEPT) == 0
    assert ending.forget(at=at + ending.KEPT * 2) == 1


def test_every_door_in_keeps_the_sign_in() -> None:
    """What begins a session otherwise would have no end when idle, and stand on no list."""
    beside = [
        str(path.relative_to(settings.BASE_DIR))
        for folder in ("foundation", "members", "portal", "membership_site")
        for path in (settings.BASE_DIR / folder).rglob("*.py")
        if "auth.login(" in (text := path.read_text("utf-8")) or "from django.contrib.auth import login" in text
    ]

    assert beside == []
