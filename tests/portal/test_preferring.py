"""The member's preferences and his leaving, in the portal and by the API; a visit wakes who was asleep."""

import datetime

import pytest
from django.test import Client

from foundation.jobs import clock
from members.models import Member, Preference, StatusChange
from points.models import Kind
from tests.factories import PointCurrencyFactory

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/me/preferences"


@pytest.fixture
def her(client: Client, mei: Member) -> Client:
    PointCurrencyFactory()
    client.force_login(mei.user)
    return client


def read(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def form_of(client: Client, **changes: object) -> dict[str, object]:
    """Return the page's form as a browser would send it, with changes."""
    form = client.get("/me/preferences").context["form"]
    shown = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in (shown | changes).items() if value not in (None, False)}


def test_she_reads_the_defaults_and_changes_them(her, mei):
    page = read(her, "/me/preferences")
    done = her.post(
        "/me/preferences",
        form_of(her, on=["points/sms", "membership/mail"], quiet_from="22:30", quiet_until="07:00", reminders=[30]),
    )
    after = read(her, done["Location"])

    assert 'value="21:00"' in page and 'value="09:00"' in page and page.count("checked") == 8 + 1 + 3
    assert "Saved. It holds from now on." in after
    kept = Preference.objects.get(member=mei)
    assert kept.muted == sorted(["membership/sms", "points/mail", "tier/sms", "tier/mail", "offers/sms", "offers/mail"])
    assert (kept.quiet_from, kept.quiet_until, kept.reminders) == (datetime.time(22, 30), datetime.time(7), [30])


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_kept(her):
    stale = form_of(her, reminders=[7])
    her.post("/me/preferences", stale)
    again = her.post("/me/preferences", stale)
    odd = her.post("/me/preferences", form_of(her, quiet_from="noon"))
    missing = her.post("/me/preferences", form_of(her, quiet_until=""))
    same = her.post("/me/preferences", form_of(her, quiet_from="09:00", quiet_until="09:00"))
    foreign = her.post("/me/preferences", form_of(her, on=["security/sms"]))

    assert (again.status_code, same.status_code) == (412, 422)
    assert "Your preferences have changed since you read them." in again.content.decode()
    assert 'id="id_quiet_from_error"' in odd.content.decode()
    assert "Write a time, such as 21:00." in missing.content.decode()
    assert "Quiet hours have a beginning and an end that differ" in same.content.decode()
    assert foreign.status_code == 200
    assert Preference.objects.get().version == 1


def test_no_quiet_hours_at_all(her, mei):
    her.post("/me/preferences", form_of(her, has_quiet=False))

    assert Preference.objects.get().quiet_from is None
    assert her.get(ADDRESS).json()["quietHours"] is None


def patch(client: Client, content: object, seen: str | None = "*"):
    headers = {"if-match": seen} if seen else {}
    return client.patch(ADDRESS, content, content_type="application/json", headers=headers)


def test_the_api_reads_and_changes_under_if_match(her):
    first = her.get(ADDRESS)
    changed = patch(her, {"topics": [{"topic": "offers", "sms": False, "mail": True}]}, first["ETag"])
    late = patch(her, {"expiryReminders": [7]}, first["ETag"])
    missing = patch(her, {"expiryReminders": [7]}, None)
    more = patch(her, {"quietHours": {"begin": "23:00", "end": "06:30"}, "language": "zh-hant"}, changed["ETag"])

    assert first.json() == {
        "language": "en",
        "topics": [{"topic": topic, "sms": True, "mail": True} for topic in ("membership", "points", "tier", "offers")],
        "quietHours": {"begin": "21:00", "end": "09:00"},
        "expiryReminders": [90, 30, 7],
    }
    assert changed.json()["topics"][3] == {"topic": "offers", "sms": False, "mail": True}
    assert [(one.status_code, one.json()["code"]) for one in (late, missing)] == [
        (412, "preferences_changed"),
        (428, "precondition_required"),
    ]
    assert more.json()["quietHours"] == {"begin": "23:00", "end": "06:30"}
    assert (more.json()["language"], more.json()["topics"][3]["sms"]) == ("zh-hant", False)
    assert her.get(ADDRESS)["ETag"] == more["ETag"]


@pytest.mark.parametrize(
    "content",
    [
        {"language": "xx"},
        {"topics": [{"topic": "security", "sms": False, "mail": False}]},
        {"topics": [{"topic": "offers", "sms": "perhaps", "mail": True}]},
        {"quietHours": {"begin": "25:00", "end": "06:00"}},
        {"quietHours": "never"},
        {"expiryReminders": [8]},
        {"expiryReminders": [7] * 50},
        [],
    ],
)
def test_what_cannot_be_chosen_is_refused_with_the_field(her, content):
    answer = patch(her, content)

    assert answer.status_code == 400
    assert not Preference.objects.exists()


def test_leaving_says_first_what_is_lost_and_takes_one_tap_back(her, mei, post):
    post(120)
    page = read(her, "/me/leave")
    unread = her.post("/me/leave")
    her.post("/me/leave", {"understood": "on"})
    leaving = Member.objects.get(pk=mei.pk)
    banner, me = read(her, "/points"), her.get("/api/v1/me").json()
    twice = her.post("/me/leave", {"understood": "on"})
    her.post("/me/stay")

    assert "120" in page and "What you lose" in page
    assert "Tick that you have read what you lose." in unread.content.decode()
    hours = (leaving.leaves_at - clock.now()).total_seconds() / 3600
    assert 23 < hours <= 24
    assert "Your membership closes on" in banner
    assert me["closesAt"] is not None
    assert twice.status_code == 409
    assert Member.objects.get(pk=mei.pk).leaves_at is None
    assert her.post("/me/stay")["Location"] == "/me"
    assert her.get("/api/v1/me").json()["status"] == "active"


@pytest.mark.parametrize("address", ["/", "/api/v1/me"])
def test_a_visit_wakes_who_was_asleep(her, mei, address):
    Member.objects.filter(pk=mei.pk).update(status="dormant")

    answer = her.get(address)

    assert answer.status_code == 200
    change = StatusChange.objects.get()
    assert (change.from_state, change.to_state, change.reason, change.actor) == ("dormant", "active", "visit", mei.user)
    her.get(address)
    assert StatusChange.objects.count() == 1


def test_a_suspended_member_reads_his_pages_and_why_he_cannot_use_points(her, mei, post):
    post(100, kind=Kind.EARN)
    Member.objects.filter(pk=mei.pk).update(status="suspended")

    pages = [read(her, address) for address in ("/", "/points", "/me")]
    refused = her.post(
        "/points/points/use",
        {"points": "1", "key": "6f1c8a52-3d0e-4b7a-9a51-7e2d4c9b8f11", "confirmed": "1"},
    ).content.decode()
    told = her.get("/api/v1/me").json()

    assert all("This membership is suspended" in page for page in pages)
    assert "Please ask your branch." in refused
    assert (told["status"], told["keptFromSpending"]) == ("suspended", "suspended")
    assert "your branch closes it with you" in read(her, "/me/leave")
