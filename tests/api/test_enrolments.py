"""Joining by an app that nobody has signed in to: by its own secret, once under a key, and nothing to learn about others."""

import json

import pytest
from django.test import Client

from foundation.idempotency.models import KeptAnswer
from members import verifying
from members.models import Enrolment, Member, OneTimeCode
from tests.members.cast import LI, known, open_bank

pytestmark = pytest.mark.django_db
SECRET, OTHER = "the-secret-of-the-app-0001", "the-secret-of-another-0002"
DETAILS = {"name": LI.full_name, "phone": LI.phone, "language": "zh-hant"}
YES = [{"purpose": purpose, "version": 1, "given": True} for purpose in ("terms", "privacy")]


@pytest.fixture(autouse=True)
def bank():
    open_bank()


def post(path: str, body: object, *, secret: str | None = SECRET, key: str | None = "key-1"):
    headers = {"enrolment-secret": secret} if secret else {}
    headers |= {"idempotency-key": key} if key else {}
    return Client().post(f"/api/v1/enrolments{path}", body, content_type="application/json", headers=headers)


def last_code() -> str:
    return verifying.secret_of(OneTimeCode.objects.latest("sent_at"))


def test_an_app_begins_verifies_and_accepts():
    begun = post("", DETAILS)
    at = f"/{begun.json()['id']}"
    verified = post(f"{at}/verification", {"code": last_code()})
    accepted = post(f"{at}/acceptance", {"consents": YES, "password": "correct-horse-battery"})
    read = Client().get(f"/api/v1/enrolments{at}", headers={"enrolment-secret": SECRET})

    member = Member.objects.get()
    assert [answer.status_code for answer in (begun, verified, accepted, read)] == [201, 200, 201, 200]
    assert [answer.json()["state"] for answer in (begun, verified, accepted)] == ["started", "verified", "active"]
    assert begun.json()["sentTo"] == "100****0001"
    assert [text["purpose"] for text in begun.json()["texts"]] == ["terms", "privacy", "marketing"]
    assert accepted.json()["memberNumber"] == read.json()["memberNumber"] == member.number
    assert (member.language, member.enrolments.get().finished_on) == ("zh-hant", "app")
    assert "no-store" in read["Cache-Control"]


def test_the_same_again_gives_the_first_answer_and_sends_no_second_code():
    first, again = post("", DETAILS), post("", DETAILS)

    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
    assert (Enrolment.objects.count(), OneTimeCode.objects.count()) == (1, 1)


def test_the_key_with_other_details_is_refused_and_of_another_app_its_own():
    post("", DETAILS)

    assert post("", DETAILS | {"name": "王大山"}).json()["code"] == "idempotency_key_reused"
    assert post("", DETAILS | {"phone": "10099990000"}, secret=OTHER).status_code == 201


def test_accepting_again_under_the_key_answers_the_member():
    at = f"/{post('', DETAILS).json()['id']}"
    post(f"{at}/verification", {"code": last_code()})
    first = post(f"{at}/acceptance", {"consents": YES})
    again = post(f"{at}/acceptance", {"consents": YES})

    assert first.content == again.content
    assert Member.objects.count() == 1


def test_what_is_kept_for_the_key_holds_nothing_personal():
    post("", DETAILS | {"nationalId": "H12345678"})

    kept = KeptAnswer.objects.get()
    text = json.dumps([kept.body, kept.caller, kept.fingerprint, kept.route], ensure_ascii=False)
    for personal in (LI.full_name, LI.phone, "H12345678", SECRET):
        assert personal not in text


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": ""}, "/name", "blank"),
        ({"name": "\u202e"}, "/name", "name_needed"),
        ({"name": "x" * 300}, "/name", "name_too_long"),
        ({"name": "a\x00"}, "/name", "null_characters_not_allowed"),
        ({"name": ["x"]}, "/name", "invalid"),
        ({"phone": "12"}, "/phone", "phone_malformed"),
        ({"phone": ""}, "/phone", "contact_needed"),
        ({"phone": "", "email": "nobody"}, "/email", "email_malformed"),
        ({"nationalId": "110105194912310021"}, "/nationalId", "national_id_malformed"),
        ({"birthDate": "1800-01-01"}, "/birthDate", "birth_date_out_of_range"),
        ({"birthDate": "soon"}, "/birthDate", "invalid"),
        ({"language": "xx"}, "/language", "invalid_choice"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(body, pointer, code):
    answer = post("", DETAILS | body)

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert not Enrolment.objects.exists()


def test_more_than_is_asked_is_not_taken():
    post("", DETAILS | {"state": "active", "branch": 1, "is_staff": True, "member": 1, "known_member": None})

    enrolment = Enrolment.objects.get()
    assert (enrolment.state, enrolment.member_id) == ("started", None)


@pytest.mark.parametrize("secret", [None, "short", "x" * 101, "späce" * 10])
def test_without_a_secret_nothing_begins(secret):
    answer = post("", DETAILS, secret=secret)

    assert (answer.status_code, answer.json()["code"]) == (400, "enrolment_secret_missing")
    assert not Enrolment.objects.exists()


def test_an_enrolment_of_another_app_does_not_exist():
    begun = post("", DETAILS).json()["id"]
    code = last_code()

    for path, body in (("/verification", {"code": code}), ("/acceptance", {"consents": YES}), ("/codes", None)):
        assert post(f"/{begun}{path}", body, secret=OTHER).status_code == 404
    assert Client().get(f"/api/v1/enrolments/{begun}", headers={"enrolment-secret": OTHER}).status_code == 404
    assert OneTimeCode.objects.get().attempts == 0


def test_a_wrong_code_is_refused_and_counted():
    at = f"/{post('', DETAILS).json()['id']}"
    right = last_code()
    wrong = f"{(int(right) + 1) % 10**6:06}"

    answers = [post(f"{at}/verification", {"code": wrong}) for _try in range(5)]
    late = post(f"{at}/verification", {"code": right})

    assert {(answer.status_code, answer.json()["code"]) for answer in [*answers, late]} == {(422, "code_refused")}
    assert OneTimeCode.objects.get().attempts == 5


def test_for_a_member_s_details_every_answer_is_the_same():
    known()

    def walk(phone, secret):
        begun = post("", DETAILS | {"phone": phone}, secret=secret)
        tried = post(f"/{begun.json()['id']}/verification", {"code": "000000"}, secret=secret)
        again = post(f"/{begun.json()['id']}/codes", None, secret=secret)
        varying = {"id", "reference", "sentTo", "expiresAt", "instance", "requestId"}
        told = [
            {key: value for key, value in answer.json().items() if key not in varying}
            for answer in (begun, tried, again)
        ]
        return [begun.status_code, tried.status_code, again.status_code, again.headers.get("Retry-After"), told]

    assert walk(LI.phone, SECRET) == walk("10099990000", OTHER)


def test_too_many_codes_say_when_to_come_back():
    at = f"/{post('', DETAILS).json()['id']}"

    answer = post(f"{at}/codes", None)

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_codes")
    assert 0 < int(answer["Retry-After"]) <= 60


def test_begun_at_a_portal_and_finished_by_an_app():
    begun = post("", DETAILS).json()
    resumed = post("/resumptions", {"reference": begun["reference"].lower()}, secret=None, key=None)
    went_on = post(f"/resumptions/{resumed.json()['id']}", {"code": last_code()}, secret=OTHER)
    accepted = post(f"/{begun['id']}/acceptance", {"consents": YES}, secret=OTHER)
    nobody = post("/resumptions", {"reference": "2222-2222"}, secret=None, key=None)

    assert [answer.status_code for answer in (resumed, went_on, accepted, nobody)] == [202, 200, 201, 202]
    assert accepted.json()["state"] == "active"
    assert post(f"/resumptions/{nobody.json()['id']}", {"code": last_code()}).status_code == 422
    assert post(f"/{begun['id']}/verification", {"code": "1"}).status_code == 404


@pytest.mark.parametrize(
    ("choices", "status", "code"),
    [
        (YES[:1], 422, "consent_needed"),
        ([{**YES[0], "version": 9}, YES[1]], 409, "consent_text_outdated"),
        ([*YES, {"purpose": "else", "version": 1, "given": True}], 404, "no_such_purpose"),
        ([], 400, "invalid"),
        ([{"purpose": "terms"}], 400, "invalid"),
        ("yes", 400, "invalid"),
        ([YES[0]] * 21, 400, "invalid"),
    ],
)
def test_nobody_joins_without_agreeing(choices, status, code):
    at = f"/{post('', DETAILS).json()['id']}"
    post(f"{at}/verification", {"code": last_code()})

    answer = post(f"{at}/acceptance", {"consents": choices})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Member.objects.exists()
