"""An app that acts for a member: code with PKCE, tokens that rotate, and every end of it at once (reliability.md G01, G02)."""

import datetime
import hashlib

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from oauth2_provider.models import AccessToken, Grant, RefreshToken

from foundation import transactions
from foundation.access import grants
from foundation.access.models import SystemClient
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from members.models import Member
from members.sealing import PersonalData, seal_person
from members.writing import write_of_stolen_tokens
from tests.api.conftest import bearing, system
from tests.apps import BACK, Phone, app, browser, no_browser
from tests.factories import StaffFactory, UserFactory
from tests.portal.conftest import mei, today  # noqa: F401  (the member of the portal's tests, with her app here)

TEST = Actor.job("test")


@pytest.fixture
def phone(mei: Member) -> Phone:  # noqa: F811
    """Mei's phone, with the bank's app on it, connected."""
    app()
    return Phone().connect(mei.user)


def trail(verb: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(verb=f"grants.{verb}"))


def test_an_app_gets_what_its_member_lets_it_and_reads_it(mei, phone):  # noqa: F811
    answer = phone.api.get("/api/v1/me")

    assert answer.json()["number"] == mei.number
    [event] = trail("allow")
    assert (event.actor, event.new["scopes"]) == (mei.user, ["me:read", "me:redeem", "me:consents"])
    assert RefreshToken.objects.get().user == mei.user


def test_tokens_stand_in_the_database_by_their_hash_only(phone):
    [access], [refresh] = AccessToken.objects.all(), RefreshToken.objects.all()

    assert (access.token, refresh.token) == ("", "")
    assert access.token_checksum == hashlib.sha256(phone.access.encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, '') FROM oauth2_provider_accesstoken t")
        kept = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(t::text, '') FROM oauth2_provider_refreshtoken t")
        kept += cursor.fetchone()[0]
    assert phone.access not in kept
    assert phone.refresh not in kept


def test_the_page_says_what_the_app_may_do_and_its_form_may_lead_to_the_app(mei):  # noqa: F811
    app()

    page = browser(mei.user).get("/oauth/authorize", Phone().question(scope="me:read"))

    assert page.status_code == 200
    assert "See your points, your tier" in page.content.decode()
    assert "Use your points" not in page.content.decode()
    assert "form-action 'self' com.example.membership:" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("https://app.example.com/back", "form-action 'self' https://app.example.com;"),
        ("http://127.0.0.1:49152/back", "form-action 'self' http://127.0.0.1:49152;"),
    ],
)
def test_an_app_is_called_back_at_its_site_or_on_the_device_at_any_port(mei, address, source):  # noqa: F811
    app(addresses="https://app.example.com/back http://127.0.0.1/back")

    page = browser(mei.user).get("/oauth/authorize", Phone(back=address).question())

    assert source in page["Content-Security-Policy"] + ";"
    assert Phone(back=address).ask(mei.user)["code"]


@pytest.mark.parametrize(
    "address",
    [
        "com.example.membership:/back/more",
        "com.example.membership:/back?evil=1",
        "com.example.membership.evil:/back",
        "https://evil.example/back",
        "javascript:alert(1)",
        "http://127.0.0.1.evil.example/back",
        "",
    ],
)
def test_no_other_address_than_its_own_is_led_to(mei, address):  # noqa: F811
    app()
    asked = Phone().question(redirect_uri=address)

    shown = browser(mei.user).get("/oauth/authorize", asked)
    said = browser(mei.user).post("/oauth/authorize", asked | {"allow": "true"})

    assert (shown.status_code, said.status_code) == (400, 400)
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
        {"scope": "me:read members:read"},
        {"scope": "redemptions:write"},
    ],
)
def test_what_is_not_the_one_safe_way_gives_no_code(mei, changed):  # noqa: F811
    app()

    told = Phone().ask(mei.user, **changed)

    assert "code" not in told
    assert told["error"] in {"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope"}
    assert told["state"] == "state-1"
    assert not Grant.objects.exists()


def test_a_no_goes_back_as_a_no_and_leaves_nothing(mei):  # noqa: F811
    app()

    assert Phone().ask(mei.user, allow=False)["error"] == "access_denied"
    assert (Grant.objects.count(), trail("allow")) == (0, [])


def test_the_member_is_asked_each_time_whatever_the_app_wishes(mei, phone):  # noqa: F811
    for wish in ({"approval_prompt": "auto"}, {"prompt": "none"}):
        assert browser(mei.user).get("/oauth/authorize", Phone().question(**wish)).status_code == 200


def test_staff_strangers_and_who_is_no_member_connect_nothing(mei):  # noqa: F811
    app()
    asked = Phone().question() | {"allow": "true"}

    assert "/accounts/login/" in Client().post("/oauth/authorize", asked)["Location"]
    assert browser(StaffFactory()).post("/oauth/authorize", asked)["Location"] == "/console/"
    assert browser(UserFactory()).post("/oauth/authorize", asked).status_code == 403
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": None},
        {"redirect_uri": "http://127.0.0.1:8765/back"},
        {"client_id": "other-app"},
        {"code": "nothing"},
        {"grant_type": "client_credentials"},
        {"grant_type": "password", "username": "mei", "password": "x"},
    ],
)
def test_a_code_serves_nobody_but_the_app_that_asked(mei, changed):  # noqa: F811
    app()
    app(client_id="other-app")
    code = Phone().ask(mei.user)["code"]

    answer = Phone().exchange(code, **changed)

    assert answer.status_code in {400, 401}
    assert not AccessToken.objects.exists()


def test_a_code_serves_once_and_for_a_minute(mei):  # noqa: F811
    app()
    phone, late = Phone(), Phone()
    code, stale = phone.ask(mei.user)["code"], late.ask(mei.user)["code"]
    Grant.objects.filter(code=stale).update(expires=clock.now())

    assert phone.exchange(code).status_code == 200
    assert (phone.exchange(code).status_code, late.exchange(stale).status_code) == (400, 400)
    assert AccessToken.objects.count() == 1


def test_a_refresh_gives_new_tokens_and_the_old_ones_are_dead(phone):
    old = phone.access

    answer = phone.renew()

    assert (answer.status_code, answer.json()["expires_in"]) == (200, 600)
    assert "no-store" in answer["Cache-Control"]
    assert phone.api.get("/api/v1/me").status_code == 200
    assert Client(headers={"authorization": f"Bearer {old}"}).get("/api/v1/me").status_code == 401


def test_a_refresh_token_used_twice_ends_the_whole_family_and_the_member_hears_of_it(mei, phone):  # noqa: F811
    seal_person(mei.pk, PersonalData(full_name="Mei Lin", phone="13800000001")).save()
    other = Phone().connect(mei.user)
    stolen = phone.refresh
    phone.renew()

    thief = Phone().renew(stolen)

    assert (thief.status_code, thief.json()["error"]) == (400, "invalid_grant")
    assert phone.api.get("/api/v1/me").status_code == 401
    assert phone.renew().status_code == 400
    assert other.api.get("/api/v1/me").status_code == 200
    [owed] = Obligation.objects.filter(payload__kind=grants.STOLEN)
    [message] = write_of_stolen_tokens([owed], at=clock.now())
    assert (message.to, "/me/apps" in message.text) == ("13800000001", True)
    [event] = trail("end_family")
    assert (event.subject_id, event.old["app"], event.system) == (str(mei.user.pk), "member-app", "client Member app")


def test_using_it_a_third_time_says_nothing_more(phone):
    stolen = phone.refresh
    phone.renew()
    Phone().renew(stolen)

    Phone().renew(stolen)

    assert (Obligation.objects.filter(payload__kind=grants.STOLEN).count(), len(trail("end_family"))) == (1, 1)


def test_a_refresh_token_rests_after_thirty_days_without_use(phone):
    AccessToken.objects.update(expires=clock.now() - datetime.timedelta(days=30))

    assert phone.renew().status_code == 400


@pytest.mark.parametrize("apps", [1, 3])
def test_everything_ends_at_once_codes_and_tokens_of_every_app(mei, apps):  # noqa: F811
    phones = []
    for number in range(apps):
        app(client_id=f"app-{number}")
        phones.append(Phone(client_id=f"app-{number}").connect(mei.user))
    waiting = Phone(client_id="app-0")
    code = waiting.ask(mei.user)["code"]

    with CaptureQueriesContext(
        connection,
    ) as asked:
        ended = transactions.commit(grants.revoke_all, user=mei.user, at=clock.now(), actor=TEST, reason="new password")

    assert ended == apps
    assert len(asked) <= 16
    assert waiting.exchange(code).status_code == 400
    for phone in phones:
        assert (phone.api.get("/api/v1/me").status_code, phone.renew().status_code) == (401, 400)
    [event] = trail("revoke_all")
    assert (event.old, event.reason) == ({"sign_ins": apps}, "new password")
    assert transactions.commit(grants.revoke_all, user=mei.user, at=clock.now(), actor=TEST) == 0
    assert len(trail("revoke_all")) == 1


def test_what_was_ended_is_no_theft(mei, phone):  # noqa: F811
    transactions.commit(grants.revoke_all, user=mei.user, at=clock.now(), actor=TEST)

    assert phone.renew().status_code == 400
    assert not Obligation.objects.filter(payload__kind=grants.STOLEN).exists()


def test_a_disabled_user_s_tokens_and_codes_are_dead_though_nobody_ended_them(mei, phone):  # noqa: F811
    code = (other := Phone()).ask(mei.user)["code"]
    mei.user.is_active = False
    mei.user.save()

    assert phone.api.get("/api/v1/me").status_code == 401
    assert (phone.renew().status_code, other.exchange(code).status_code) == (400, 400)
    assert AccessToken.objects.count() == 1


def test_a_closed_member_s_app_reads_and_redeems_nothing(mei, phone, today):  # noqa: F811
    Member.objects.update(status="closed", closed_on=today)

    assert phone.api.get("/api/v1/me").status_code == 403
    assert phone.api.get("/api/v1/redemptions").status_code == 403


def test_an_app_does_by_its_scopes_what_they_say_and_nothing_else(mei):  # noqa: F811
    app()
    reads, redeems, consents = (
        Phone().connect(mei.user, f"me:{scope}").api for scope in ("read", "redeem", "consents")
    )
    redeem = {"path": "/api/v1/redemptions", "data": {"points": 1}, "content_type": "application/json"}
    key = {"headers": {"idempotency-key": "key-1"}}

    assert [client.get("/api/v1/me").status_code for client in (reads, redeems, consents)] == [200, 403, 403]
    assert [client.post(**redeem, **key).status_code for client in (reads, redeems, consents)] == [403, 422, 403]
    assert [client.patch("/api/v1/me/consents").status_code for client in (reads, redeems, consents)] == [403, 403, 428]
    refused = redeems.get("/api/v1/me")
    assert (refused.json()["code"], refused["Content-Type"]) == ("forbidden", "application/problem+json")


def test_an_app_of_somebody_on_the_staff_who_is_a_member_too_has_none_of_his_rights(mei):  # noqa: F811
    mei.user.is_staff = mei.user.is_superuser = True
    mei.user.save()
    TOTP.activate(mei.user, generate_totp_secret())
    app()
    phone = Phone().connect(mei.user)

    assert phone.api.get("/api/v1/me").status_code == 200
    for path in ("/api/v1/members", f"/api/v1/members/mem_{mei.pk}", "/api/v1/rehearsals", "/api/v1/exports"):
        assert phone.api.get(path).status_code == 403


def test_a_system_introspects_with_its_scope_and_nobody_else(mei, phone):  # noqa: F811
    system_client = bearing(system("tokens:introspect"))

    def asked(client: Client, token: str) -> tuple[int, dict]:
        client.handler.enforce_csrf_checks = True
        answer = client.post("/oauth/introspect", {"token": token})
        return answer.status_code, answer.json()

    status, told = asked(system_client, phone.access)
    assert (status, told["active"], told["client_id"], told["username"]) == (200, True, "member-app", "mei")
    assert asked(system_client, "no token") == (200, {"active": False})
    for stranger in (Client(), phone.api, bearing(system("members:read")), browser(mei.user)):
        assert asked(stranger, phone.access)[0] == 401
    phone.renew()
    assert asked(system_client, phone.access)[1]["active"] is True


def test_an_app_gives_its_tokens_back_and_no_other_app_s(mei, phone):  # noqa: F811
    app(client_id="other-app")

    no_browser().post("/oauth/revoke", {"token": phone.refresh, "client_id": "other-app"})
    assert phone.api.get("/api/v1/me").status_code == 200

    assert no_browser().post("/oauth/revoke", {"token": phone.refresh, "client_id": "member-app"}).status_code == 200
    assert phone.api.get("/api/v1/me").status_code == 401
    assert phone.renew().status_code == 400


def test_the_server_says_where_everything_is_and_no_more_than_it_does(db):
    told = Client().get("/.well-known/oauth-authorization-server").json()

    assert told["issuer"] == "http://testserver"
    assert told["authorization_endpoint"] == "http://testserver/oauth/authorize"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["response_types_supported"] == ["code"]
    assert told["grant_types_supported"] == ["authorization_code", "client_credentials", "refresh_token"]
    assert told["authorization_response_iss_parameter_supported"] is True


def test_the_answer_names_its_issuer(mei):  # noqa: F811
    app()

    assert Phone().ask(mei.user)["iss"] == "http://testserver"


HOSTILE = ("\0", "x" * 50_000, b"\xed\xa0\x80", "\u202e", "%", "\r\nSet-Cookie: a=b")
PARTS = (
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code",
    "token",
    "refresh_token",
    "code_verifier",
)


@pytest.mark.parametrize(
    ("path", "grant_type"),
    [
        ("/oauth/authorize", "nothing"),
        ("/oauth/token", "authorization_code"),
        ("/oauth/token", "refresh_token"),
        ("/oauth/revoke", "nothing"),
        ("/oauth/introspect", "nothing"),
    ],
)
def test_what_can_not_be_read_is_refused_and_never_a_failure(mei, path, grant_type):  # noqa: F811
    app()
    client = browser(mei.user)
    parts = Phone().question() | {"code": "c", "token": "t", "refresh_token": "r", "code_verifier": "v"}
    for name in PARTS:
        for value in HOSTILE:
            answer = client.post(path, {"grant_type": grant_type} | parts | {name: value})
            shown = client.get(path, parts | {name: value})

            assert max(answer.status_code, shown.status_code) < 500, (name, value[:20])
            for one in (answer, shown):
                assert "\n" not in one.headers.get("Location", "")
                assert "a" not in one.cookies


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect_uris": "http://example.com/back"},
        {"redirect_uris": "javascript:alert(1)"},
        {"redirect_uris": "myapp:/back"},
        {"redirect_uris": f"{BACK} http://example.com/back"},
        {"redirect_uris": ""},
        {"scopes": ["members:read"]},
        {"client_type": "confidential"},
        {"skip_authorization": True},
        {"authorization_grant_type": "implicit"},
        {"authorization_grant_type": "password"},
        {"authorization_grant_type": "client-credentials"},
    ],
)
def test_the_database_itself_keeps_an_app_an_app(db, wrong):
    known = app()

    with pytest.raises(IntegrityError), transaction.atomic():
        SystemClient.objects.filter(pk=known.pk).update(**wrong)
