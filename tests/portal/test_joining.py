"""Becoming a member in the portal: three pages, and nothing to learn from them about others."""

import json
import re

import pytest
from django.test import Client

from foundation.access.models import User
from foundation.actors import Actor
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from foundation.outbox.subscribing import subscribed
from members import verifying
from members.models import Consent, Enrolment, Member, OneTimeCode
from tests.factories import MemberFactory, PointCurrencyFactory, UserFactory
from tests.members.cast import LI, known, open_bank, other

pytestmark = pytest.mark.django_db
DETAILS = {"full_name": "李小雨", "phone": "100 8888 0001"}
YES = {"terms": "1", "privacy": "1"}


@pytest.fixture(autouse=True)
def bank(settings, tmp_path):
    settings.MESSAGES_FILE = str(tmp_path / "messages.jsonl")
    open_bank()
    PointCurrencyFactory()


@pytest.fixture
def messages(tmp_path):
    """Return a way to let the outbox send, and read the lines of the file that the messages go to."""

    def read() -> list[dict]:
        owed = list(Obligation.objects.waiting().filter(topic="messages.send").order_by("id"))
        subscribed()["messages.send"](owed, at=clock.now(), actor=Actor.job("test"))
        Obligation.objects.filter(pk__in=[one.pk for one in owed]).update(done_at=clock.now())
        path = tmp_path / "messages.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return read


def text(answer) -> str:
    return answer.content.decode()


def code_in(messages) -> str:
    return re.search(r"\d{6}", messages()[-1]["text"])[0]


def test_a_newcomer_joins_in_three_pages_and_is_in(client: Client, messages):
    begun = client.post("/join", DETAILS, headers={"accept-language": "zh-CN"})
    entered = client.post("/join/code", {"code": code_in(messages)})
    joined = client.post("/join/agree", YES | {"marketing": "1", "password": "correct-horse-battery"})
    home = text(client.get("/"))

    assert [answer["Location"] for answer in (begun, entered, joined)] == ["/join/code", "/join/agree", "/"]
    member = Member.objects.get()
    assert member.number in home
    assert "First steps" in home
    assert Consent.objects.filter(member=member, given=True).count() == 3
    assert (member.language, member.user.check_password("correct-horse-battery")) == ("zh-hans", True)


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"full_name": ""}, "full_name", "Write your full name."),
        ({"full_name": "\u202e"}, "full_name", "Write your full name."),
        ({"full_name": "Z" + "\u0301" * 300}, "full_name", "A name has 80 characters at most."),
        ({"full_name": "x" * 5000}, "full_name", "Ensure this value has at most 400 characters"),
        ({"full_name": "a\x00b"}, "full_name", "Null characters are not allowed."),
        ({"phone": "12"}, "phone", "This is no mobile number"),
        ({"phone": ""}, "phone", "Write a mobile number or an e-mail address"),
        ({"phone": "", "email": "nobody"}, "email", "This is no e-mail address."),
        ({"national_id": "110105194912310021"}, "national_id", "This is no document number"),
        ({"birth_date": "1800-01-01"}, "birth_date", "The date of birth lies before 1900"),
        ({"birth_date": "soon"}, "birth_date", "Enter a valid date."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(client: Client, typed, field, sentence):
    answer = client.post("/join", DETAILS | typed)

    page = text(answer)
    assert answer.status_code == 200
    error = re.search(rf'id="id_{field}_error"[^>]*>([^<]*)<', page)
    assert error[1].startswith(sentence)
    assert not Enrolment.objects.exists()


def test_what_was_typed_stays_where_something_is_wrong(client: Client):
    page = text(client.post("/join", DETAILS | {"phone": "12"}))

    assert 'value="李小雨"' in page
    assert 'value="12"' in page


def test_a_wrong_code_is_counted_and_said_at_the_field(client: Client, messages):
    client.post("/join", DETAILS)
    right = code_in(messages)

    pages = [text(client.post("/join/code", {"code": f"{(int(right) + 1) % 10**6:06}"})) for _try in range(5)]
    late = text(client.post("/join/code", {"code": right}))

    assert all("This code is not right" in page for page in [*pages, late])
    assert OneTimeCode.objects.get().attempts == 5
    assert client.get("/join/agree")["Location"] == "/join"


def test_for_a_member_s_details_every_page_is_the_same(client: Client, messages):
    known(other(phone="10077770000"))

    def walk(phone: str) -> list[str]:
        browser = Client()
        answers = [browser.post("/join", DETAILS | {"phone": phone}), browser.get("/join/code")]
        answers.append(browser.post("/join/code", {"code": "000000"}))
        shown = "\n".join(f"{answer.status_code} {answer.get('Location', '')} {text(answer)}" for answer in answers)
        shown = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"|[0-9A-Z]{4}-[0-9A-Z]{4}', "?", shown)
        return re.sub(r"100\*{4}\d{4}", "?", shown).splitlines()

    assert walk("10077770000") == walk("10066660000")
    assert {message["to"] for message in messages()} == {"10077770000", "10066660000"}


def test_another_code_ends_the_first_and_too_many_are_refused_in_words(client: Client, messages):
    client.post("/join", DETAILS)
    soon = text(client.post("/join/code", {"again": "1"}))
    OneTimeCode.objects.update(sent_at=clock.now() - verifying.PAUSE)

    again = client.post("/join/code", {"again": "1"})

    assert "Too many codes were asked for." in soon
    assert again["Location"] == "/join/code"
    assert "Another one is on its way" in text(client.get("/join/code"))
    assert OneTimeCode.objects.filter(replaced_at=None).count() == 1


def test_consents_that_are_missing_or_outdated_are_said_and_the_ticks_stay(client: Client, messages):
    client.post("/join", DETAILS)
    client.post("/join/code", {"code": code_in(messages)})

    missing = text(client.post("/join/agree", {"terms": "1", "marketing": "1"}))
    outdated = text(client.post("/join/agree", YES | {"terms": "7"}))
    odd = client.post("/join/agree", YES | {"terms": "x" * 100})

    assert "To join, agree to this: privacy 1." in missing
    assert missing.count(" checked") == 2
    assert "The text has changed meanwhile." in outdated
    assert odd.status_code == 200
    assert not Member.objects.exists()


def test_a_mail_link_is_opened_by_hand_and_only_then_used(client: Client, messages):
    client.post("/join", {"full_name": "José Ámbar", "email": "jose@example.com"})
    [message] = messages()
    address = re.search(r"https?://[^/]+(/join/link/\S+)", message["text"])[1]
    other_device = Client()

    opened = other_device.get(address)
    opened_again = other_device.get(address)
    gone_on = other_device.post(address)
    once_more = Client().post(address)

    assert (message["via"], message["to"]) == ("mail", "jose@example.com")
    assert (opened.status_code, opened_again.status_code) == (200, 200)
    assert gone_on["Location"] == "/join/agree"
    assert "This enrolment is over" in text(once_more)
    assert other_device.post("/join/agree", YES)["Location"] == "/"
    assert Member.objects.get().person.masked_name


def test_begun_here_and_finished_on_another_device_by_the_reference(client: Client, messages):
    client.post("/join", DETAILS)
    reference = Enrolment.objects.get().reference
    other_device = Client()

    other_device.post("/join/resume", {"reference": reference.lower()})
    other_device.post("/join/code", {"code": code_in(messages)})
    joined = other_device.post("/join/agree", YES)

    assert joined["Location"] == "/"
    assert Enrolment.objects.get().state == "active"


def test_a_reference_that_never_was_shows_the_same_pages(client: Client, messages):
    client.post("/join", DETAILS)
    reference = Enrolment.objects.get().reference

    def walk(given: str) -> str:
        browser = Client()
        sent = browser.post("/join/resume", {"reference": given})
        page = text(browser.get(sent["Location"]))
        return re.sub(r'value="[^"]{20,}"', "?", page)

    assert walk(reference) == walk("2222-2222")


def test_nobody_reaches_the_consents_without_the_code(client: Client):
    assert client.get("/join/agree")["Location"] == "/join"
    assert client.post("/join/agree", YES)["Location"] == "/join"
    assert client.get("/join/code")["Location"] == "/join"


def test_a_member_has_no_need_to_join(client: Client):
    client.force_login(MemberFactory(user=UserFactory()).user)

    assert client.get("/join")["Location"] == "/"


def test_a_form_from_elsewhere_is_refused():
    assert Client(enforce_csrf_checks=True).post("/join", DETAILS).status_code == 403
    assert not Enrolment.objects.exists()


def test_the_session_that_joins_is_a_new_one(client: Client, messages):
    client.post("/join", DETAILS)
    planted = client.session.session_key
    client.post("/join/code", {"code": code_in(messages)})
    verified = client.session.session_key
    client.post("/join/agree", YES)

    assert len({planted, verified, client.session.session_key}) == 3


def test_a_member_signs_in_by_code_and_goes_where_he_came_for(client: Client, messages):
    li = known()
    asked = client.post("/accounts/code/", {"contact": "+86 100-8888-0001", "next": "/me"})

    answer = client.post("/accounts/code/enter", {"code": code_in(messages)})

    assert (asked["Location"], answer["Location"]) == ("/accounts/code/enter", "/me")
    assert client.session["_auth_user_id"] == str(li.user.pk)


@pytest.mark.parametrize("following", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
def test_signing_in_leads_nowhere_else(client: Client, messages, following):
    known()
    client.post("/accounts/code/", {"contact": LI.phone, "next": following})

    assert client.post("/accounts/code/enter", {"code": code_in(messages)})["Location"] == "/"


def test_signing_in_by_code_tells_nobody_who_is_known(client: Client):
    known()

    def walk(phone: str) -> str:
        browser = Client()
        browser.post("/accounts/code/", {"contact": phone})
        pages = text(browser.get("/accounts/code/enter")) + text(browser.post("/accounts/code/enter", {"code": "1"}))
        return re.sub(r'value="[^"]{20,}"', "?", pages)

    assert walk(LI.phone) == walk("10066660000")


@pytest.mark.parametrize("contact", ["", "12", "nobody@", "\x00", "x" * 400])
def test_what_is_no_contact_is_said_at_its_field(client: Client, contact):
    answer = client.post("/accounts/code/", {"contact": contact})

    assert answer.status_code == 200
    assert 'id="id_contact_error"' in text(answer)


def test_a_closed_sign_in_is_not_opened_by_a_code(client: Client, messages):
    li = known()
    client.post("/accounts/code/", {"contact": LI.phone})
    code = code_in(messages)
    User.objects.filter(pk=li.user.pk).update(is_active=False)

    assert "This code is not right" in text(client.post("/accounts/code/enter", {"code": code}))
    assert "_auth_user_id" not in client.session
