"""A member's data in the console: who may, who may not, and that each form does its verb once, by two people."""

import datetime

import pytest
from django.test import Client

from foundation.access.models import Role
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.approvals.models import Request
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from privacy import exporting
from privacy.keeping import Destruction, Disclosure, LegalHold
from privacy.models import Certificate, Export
from tests.console.conftest import House, posted

ID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


def signed_in(role: Role, branch) -> Client:
    client = Client()
    client.force_login(posted(role, branch))
    return client


def at(house: House, rest: str = "") -> str:
    return f"/console/members/member/{house.near.pk}/data/{rest}"


def test_a_copy_is_asked_for_decided_on_and_handed_over_once(house: House) -> None:
    teller = signed_in(Role.TELLER, house.pudong)
    asked = teller.post(at(house, "copy/"), {"id": ID, "reason": "He came with his card"})
    assert asked.status_code == 302
    request = Request.objects.get()
    manager = posted(Role.BRANCH_MANAGER, house.pudong)
    deciding.approve(request_id=request.pk, seen_hash=request.payload_hash, actor=Actor(user=manager), at=clock.now())
    exporting.make(Obligation.objects.filter(topic=exporting.TOPIC), at=clock.now(), actor=Actor.job("test"))
    export = Export.objects.get()

    page = teller.get(at(house)).content.decode()
    another = signed_in(Role.TELLER, house.pudong).get(at(house, f"copies/{export.pk}/"))
    file = teller.post(at(house, f"copies/{export.pk}/"))
    again = teller.post(at(house, f"copies/{export.pk}/"))

    assert f"copies/{export.pk}/" in page
    assert another.status_code == 404
    assert len(b"".join(file.streaming_content)) == export.size
    assert again.status_code == 302


def test_compliance_holds_lifts_and_discloses(house: House) -> None:
    compliance = signed_in(Role.COMPLIANCE, house.head_office)
    held = compliance.post(at(house, "hold/"), {"reason": "court order", "until": ""})
    hold = LegalHold.objects.get()
    page = compliance.get(at(house)).content.decode()
    compliance.post(at(house, f"holds/{hold.pk}/"), {"reason": "court is done"})
    asked = compliance.post(
        at(house, "disclose/"),
        {
            "id": ID,
            "authority": "Procuratorate",
            "legal_basis": "article 54",
            "what_given": "name",
            "given_on": clock.today().isoformat(),
            "secret_until": "",
            "reason": "case 17",
        },
    )

    assert held.status_code == 302
    assert "court order" in page
    assert LegalHold.objects.get().lifted_at is not None
    assert asked.status_code == 302
    assert Request.objects.get().kind == "privacy.disclose"
    assert not Disclosure.objects.exists()


def test_a_wrong_form_says_so_at_its_field_and_writes_nothing(house: House) -> None:
    compliance = signed_in(Role.COMPLIANCE, house.head_office)

    early = compliance.post(at(house, "hold/"), {"reason": "x", "until": "2001-01-01"})
    late = compliance.post(
        at(house, "disclose/"),
        {
            "id": ID,
            "authority": "A",
            "legal_basis": "B",
            "what_given": "C",
            "given_on": (clock.today() + datetime.timedelta(days=1)).isoformat(),
            "reason": "x",
        },
    )

    assert "A hold ends today or later." in early.content.decode()
    assert "on the day it is given, or later" in late.content.decode()
    assert (LegalHold.objects.count(), Request.objects.count()) == (0, 0)


@pytest.mark.parametrize("rest", ["", "copy/", "erase/", "hold/", "disclose/"])
def test_what_lies_in_another_branch_does_not_exist(house: House, rest: str) -> None:
    far = signed_in(Role.COMPLIANCE, house.harbour)

    assert far.get(at(house, rest)).status_code == 404
    assert far.post(at(house, rest), {"id": ID, "reason": "x"}).status_code in (404, 405)


@pytest.mark.parametrize("role", [Role.MARKETING, Role.ANALYST, Role.IT, Role.PARTNER, Role.AUDITOR])
def test_who_has_no_business_with_it_is_refused(house: House, role: Role) -> None:
    client = signed_in(role, house.head_office)

    assert [client.get(at(house, rest)).status_code for rest in ("", "erase/", "hold/")] == [403, 403, 403]


def test_the_schedule_is_compliance_s_and_the_auditor_reads_it(house: House) -> None:
    batch = Destruction.objects.create(
        data_class="messages", before=datetime.date(2024, 1, 1), found_on=clock.today(), rows=12
    )
    compliance, auditor = signed_in(Role.COMPLIANCE, house.head_office), signed_in(Role.AUDITOR, house.head_office)

    page = compliance.get("/console/privacy/retention/").content.decode()
    asked = compliance.post(f"/console/privacy/destruction/{batch.pk}/ask/", {"id": ID, "reason": "over"})
    held = compliance.post(
        "/console/privacy/retention/hold/", {"data_class": "audit", "reason": "inquiry", "until": ""}
    )

    assert "10 years" in page
    assert f"/console/privacy/destruction/{batch.pk}/" in page
    assert asked.status_code == 302
    assert Request.objects.get().kind == "privacy.destroy"
    assert (held.status_code, LegalHold.objects.get().data_class) == (302, "audit")
    assert auditor.get("/console/privacy/retention/").status_code == 200
    assert auditor.post("/console/privacy/retention/hold/", {}).status_code == 403
    assert signed_in(Role.COMPLIANCE, house.pudong).get("/console/privacy/retention/").status_code == 403
    assert compliance.get("/console/privacy/certificate/").status_code == 200
    assert compliance.get(f"/console/privacy/destruction/{batch.pk}/").status_code == 200
    assert not Certificate.objects.exists()
