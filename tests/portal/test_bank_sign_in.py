"""By the bank's own sign-in: a member is let in, anybody else joins in one step; and no forged word is believed (G03)."""

import base64
import datetime
import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.core.cache import cache
from django.test import Client
from jwcrypto import jwk

from members.models import Enrolment, Member, OneTimeCode
from members.sealing import PersonalData, open_person, seal_person
from tests.factories import MemberFactory, UserFactory
from tests.identity_provider import CLIENT, SECRET, IdentityProvider
from tests.members.cast import open_bank

DOCUMENT = "11010519491231002X"
WANG = {
    "customer_number": "88001234",
    "name": "王小明",
    "phone_number": "+8613800001234",
    "phone_number_verified": True,
    "national_id": DOCUMENT,
    "birthdate": "1949-12-31",
}


@pytest.fixture
def bank_page(db, settings) -> Iterator[IdentityProvider]:
    """The bank's identity provider, at which customer Wang is signed in."""
    provider = IdentityProvider()
    settings.BANK_OIDC_ISSUER, settings.BANK_OIDC_CLIENT_ID = provider.issuer, CLIENT
    settings.BANK_OIDC_CLIENT_SECRET, settings.SITE_URL = SECRET, "http://testserver"
    provider.customer = dict(WANG)
    open_bank()

    cache.delete(f"oidc:refreshed:{provider.issuer}")
    yield provider
    provider.close()


def come(client: Client, *, following: str = "", **changed: str):
    """Go to the bank's sign-in and come back as a browser does; return the site's answer to what it brings."""
    sent = client.get("/accounts/bank/", {"next": following})
    assert sent.status_code == 302, sent.content
    answer = requests.get(sent["Location"], allow_redirects=False, timeout=5)
    said = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    return client.get("/accounts/bank/back", said | changed)


def signed_in(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


def wang(**more) -> Member:
    """Return member Wang as a file of the core bank had brought him: his number, a person, perhaps joined and signed up."""
    member = MemberFactory(number=WANG["customer_number"], **more)
    seal_person(member.pk, PersonalData(full_name="王小明", national_id=DOCUMENT)).save()
    return member


def test_a_customer_whom_nobody_knows_joins_by_one_yes(bank_page, client):
    answer = come(client)
    asked = client.get(answer["Location"])
    ticks = {text.purpose: text.version for text in asked.context["texts"] if text.is_required}
    joined = client.post("/join/agree", ticks)

    assert (answer["Location"], joined["Location"]) == ("/join/agree", "/")
    member = Member.objects.get()
    assert (member.number, member.state, signed_in(client)) == ("88001234", "active", str(member.user_id))
    person = open_person(member.person)
    assert (person.full_name, person.phone, person.national_id) == ("王小明", "13800001234", DOCUMENT)
    assert not OneTimeCode.objects.exists()
    enrolment = Enrolment.objects.get()
    assert (enrolment.begun_on, enrolment.state) == ("banking", "active")


def test_whom_the_bank_had_loaded_becomes_the_member_he_was_invited_as(bank_page, client):
    member = wang(accepted_at=None)

    answer = come(client)
    texts = client.get(answer["Location"]).context["texts"]
    client.post("/join/agree", {text.purpose: text.version for text in texts if text.is_required})

    member.refresh_from_db()
    assert (Member.objects.count(), member.state, signed_in(client)) == (1, "active", str(member.user_id))


@pytest.mark.parametrize("known_by", ["number", "document"])
def test_a_member_is_let_in_and_led_to_where_he_came_for(bank_page, client, known_by):
    member = wang(user=UserFactory(username="wang"))
    if known_by == "document":
        Member.objects.update(number="N0000000001")

    answer = come(client, following="/points")

    assert (answer["Location"], signed_in(client)) == ("/points", str(member.user_id))
    assert not Enrolment.objects.exists()


def test_a_member_without_a_sign_in_gets_one(bank_page, client):
    member = wang()

    come(client)

    member.refresh_from_db()
    assert (signed_in(client), member.user.has_usable_password()) == (str(member.user_id), False)


def test_nobody_is_led_to_another_site(bank_page, client):
    wang(user=UserFactory())

    assert come(client, following="https://evil.example/")["Location"] == "/"


@pytest.mark.parametrize("state", ["closed", "disabled", "staff"])
def test_who_may_not_come_in_is_told_so(bank_page, client, state):
    member = wang(user=UserFactory(is_active=state != "disabled", is_staff=state == "staff"))
    if state == "closed":
        Member.objects.update(status="closed", closed_on=datetime.date(2026, 1, 31))

    answer = come(client)

    assert (answer.status_code, signed_in(client)) == (403, None)
    assert "no longer" in answer.content.decode() or "not open" in answer.content.decode()
    assert Member.objects.get() == member


@pytest.mark.parametrize(
    "claims",
    [
        {"customer_number": ""},
        {"customer_number": "8" * 21},
        {"customer_number": "88\x0001"},
        {"name": ""},
        {"name": "x" * 81},
        {"name": "12345"},
        {"name": None},
    ],
)
def test_a_customer_without_a_number_or_a_name_is_nobody(bank_page, client, claims):
    bank_page.customer |= claims

    assert come(client).status_code == 409
    assert (Enrolment.objects.count(), signed_in(client)) == (0, None)


def test_a_number_of_one_and_the_document_of_another_let_nobody_in(bank_page, client):
    member = wang(user=UserFactory())
    seal_person(member.pk, PersonalData(full_name="王小明", national_id="110101199003074514")).save()

    assert (come(client).status_code, signed_in(client)) == (409, None)


def test_what_is_not_verified_or_can_not_be_is_left_out(bank_page, client):
    bank_page.customer |= {
        "phone_number_verified": "yes",
        "email": "wang@example.com",
        "email_verified": True,
        "birthdate": "1949-02-31",
    }
    answer = come(client)
    texts = client.get(answer["Location"]).context["texts"]

    client.post("/join/agree", {text.purpose: text.version for text in texts if text.is_required})

    person = open_person(Member.objects.get().person)
    assert (person.phone, person.email, person.birth_date) == ("", "wang@example.com", None)


def unsigned(header: dict, claims: dict) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def forgeries(provider: IdentityProvider) -> dict:
    """Return, by name, what a forger or a fault makes of a token; each returns the token, or changes what is signed."""
    other = jwk.JWK.generate(kty="RSA", size=2048, kid="key-1")

    def changed(**claims):
        return lambda header, good: good.update(claims)

    def without(name):
        return lambda header, good: good.pop(name) and None

    def by_shared_secret(header, claims):
        public = provider.key.export_to_pem().decode()
        shared = jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(public.encode()).decode().rstrip("="), kid="key-1")
        return provider.sign(claims, {"alg": "HS256", "kid": "key-1"}, shared)

    return {
        "none": unsigned,
        "hs256 by the public key": by_shared_secret,
        "another key": lambda header, claims: provider.sign(claims, header, other),
        "a path as the key's name": lambda header, claims: provider.sign(claims, header | {"kid": "../../dev/null"}),
        "no key's name": lambda header, claims: provider.sign(claims, {"alg": "RS256"}),
        "a key's name that is no text": lambda header, claims: provider.sign(claims, header | {"kid": "key-1'--"}),
        "its own key inside": lambda header, claims: provider.sign(
            claims, header | {"jwk": other.export_public(as_dict=True)}, other
        ),
        "an address of its own key": lambda header, claims: provider.sign(
            claims, header | {"jku": "http://127.0.0.1:1/jwks"}, other
        ),
        "an algorithm off the list": lambda header, claims: provider.sign(claims, header | {"alg": "RS512"}),
        "changed after signing": lambda header, claims: _tampered(provider.sign(claims, header)),
        "cut off": lambda header, claims: provider.sign(claims, header).rpartition(".")[0],
        "no token": lambda header, claims: "no.token",
        "for another": changed(aud="somebody-else"),
        "for several": changed(aud=[CLIENT, "somebody-else"]),
        "by another": changed(iss="https://evil.example"),
        "for another question": changed(nonce="another"),
        "over": changed(exp=1),
        "not yet": changed(nbf=2**33),
        "without an end": without("exp"),
        "without its question": without("nonce"),
        "without an issuer": without("iss"),
        "for nobody": without("aud"),
    }


def _tampered(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"customer_number": "1"}
    return f"{header}.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.{signature}"


def test_no_forged_word_is_believed(bank_page, client):
    wang(user=UserFactory())
    believed = {}
    for name, forge in forgeries(bank_page).items():
        bank_page.spoil = forge
        answer = come(browser := Client())
        if answer.status_code != 403 or signed_in(browser):
            believed[name] = answer.status_code

    assert believed == {}
    bank_page.spoil = lambda header, claims: None
    assert come(client).status_code == 302


def test_an_answer_counts_for_the_browser_that_asked_and_once(bank_page, client):
    wang(user=UserFactory())
    for changed in (
        {"state": "another"},
        {"state": ""},
        {"code": "another"},
        {"code": ""},
        {"iss": "https://evil.example"},
    ):
        assert come(browser := Client(), **changed).status_code == 403
        assert signed_in(browser) is None
    # A link with a good answer, brought to a victim's browser.
    sent = requests.get(client.get("/accounts/bank/")["Location"], allow_redirects=False, timeout=5)
    path = sent.headers["Location"].removeprefix("http://testserver")
    assert Client().get(path).status_code == 403
    assert client.get("/accounts/bank/back?error=access_denied").status_code == 403
    assert client.get(path).status_code == 403


def test_keys_are_kept_and_a_new_one_is_fetched_once(bank_page):
    wang(user=UserFactory())
    for _ in range(3):
        assert come(Client()).status_code == 302
    assert bank_page.requests.count("/jwks") == 1

    bank_page.new_key("key-2")
    assert come(Client()).status_code == 302
    bank_page.spoil = lambda header, claims: bank_page.sign(claims, header | {"kid": "made-up"})
    for _ in range(5):
        assert come(Client()).status_code == 403
    assert bank_page.requests.count("/jwks") == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"is_away": True},
        {"described": {"issuer": "https://evil.example"}},
        {"described": {"authorization_endpoint": "http://evil.example/authorize"}},
        {"described": {"authorization_endpoint": "javascript:alert(1)"}},
        {"described": {"authorization_endpoint": 7}},
    ],
)
def test_a_provider_that_is_away_or_says_other_than_it_should_is_a_503(bank_page, client, fault):
    for name, value in fault.items():
        setattr(bank_page, name, value)

    answer = client.get("/accounts/bank/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "60")


def test_without_configuration_there_is_no_such_door(db, client):
    assert client.get("/accounts/bank/").status_code == 404
    assert client.get("/accounts/bank/back").status_code == 404
    assert "/accounts/bank/" not in client.get("/accounts/login/").content.decode()


def test_with_it_the_pages_offer_it(bank_page, client):
    assert "/accounts/bank/?next=/points" in client.get("/accounts/login/?next=/points").content.decode()
    assert "/accounts/bank/" in client.get("/join").content.decode()
