"""The member's own data over the API: asked for, polled, fetched once; erased or told why not."""

import pytest
from django.test import Client

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from members.models import Member
from privacy import erasing, exporting
from privacy.models import Export
from tests.factories import PASSWORD, AccountFactory, BankFactory, BranchFactory, PointCurrencyFactory
from tests.privacy.cast import zhao

JSON = {"content_type": "application/json"}


@pytest.fixture
def app(db) -> Client:
    """Zhao's app, signed in by its session."""
    BankFactory(business_date=clock.today())
    PointCurrencyFactory()
    member = zhao(BranchFactory(code="000"))
    client = Client()
    client.force_login(member.user)
    return client


def make() -> None:
    exporting.make(Obligation.objects.filter(topic=exporting.TOPIC), at=clock.now(), actor=Actor.job("test"))


def test_a_copy_is_asked_for_polled_and_fetched_once(app: Client) -> None:
    asked = app.post("/api/v1/exports", **JSON)
    same = app.post("/api/v1/exports", **JSON)
    make()
    address = f"/api/v1/exports/{asked.json()['id']}"
    ready = app.get(address).json()
    wrong = app.post(f"{address}/content", {"password": "x"}, **JSON)
    file = app.post(f"{address}/content", {"password": PASSWORD}, **JSON)
    again = app.post(f"{address}/content", {"password": PASSWORD}, **JSON)

    assert (asked.status_code, asked.json()["state"], same.json()["id"]) == (202, "asked", asked.json()["id"])
    assert (ready["state"], len(ready["sha256"])) == ("ready", 64)
    assert (wrong.status_code, wrong.json()["code"]) == (403, "confirmation_refused")
    assert len(b"".join(file.streaming_content)) == ready["size"]
    assert (again.status_code, again.json()["code"]) == (409, "export_not_ready")
    assert [one["state"] for one in app.get("/api/v1/exports").json()["data"]] == ["taken"]


def test_another_s_copy_is_not_found(app: Client) -> None:
    other = zhao(BranchFactory(code="001"), number="C2", user=None)
    export = Export.objects.create(
        member=other,
        channel="app",
        language="en",
        asked_at=clock.now(),
        asked_by=Member.objects.get(number="C00000007").user,
    )

    assert app.get(f"/api/v1/exports/exp_{export.pk.hex}").status_code == 404
    assert app.post(f"/api/v1/exports/exp_{export.pk.hex}/content", {"password": PASSWORD}, **JSON).status_code == 404


def test_erased_or_told_why_not(app: Client) -> None:
    member = Member.objects.get(number="C00000007")
    account = AccountFactory(member=member)
    told = app.get("/api/v1/me/erasure").json()
    refused = app.post("/api/v1/me/erasure", {"password": PASSWORD}, **JSON)
    unconfirmed = app.post("/api/v1/me/erasure", {}, **JSON)
    assert (told["state"], [one["code"] for one in told["barriers"]]) == ("none", ["account_open"])
    assert (refused.status_code, refused.json()["code"]) == (409, "erasure_barred")
    assert "Accounts are open" in refused.json()["title"] + refused.json().get("detail", "")
    assert unconfirmed.status_code == 403
    assert not erasing.is_erased(member.pk)
    account.delete()

    done = app.post("/api/v1/me/erasure", {"password": PASSWORD}, **JSON)

    assert (done.status_code, done.json()["state"]) == (200, "done")
    assert done.json()["certificate"] == erasing.certificate_of(member.pk).number
    assert app.get("/api/v1/me").status_code in (401, 403)


def test_taking_back_what_does_not_wait_is_refused(app: Client) -> None:
    answer = app.delete("/api/v1/me/erasure")

    assert (answer.status_code, answer.json()["code"]) == (409, "no_erasure_waits")
