"""My data: a copy, fetched once by who shows who he is; and the end of it all."""

import datetime
import io
import re
import zipfile

import pytest
from django.test import Client

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.outbox.models import Obligation
from members import verifying
from members.models import Member, OneTimeCode, Person
from members.sealing import PersonalData, seal_person
from privacy import erasing, exporting
from privacy.models import Erasure, Export
from tests.factories import PASSWORD, AccountFactory, MemberFactory, UserFactory

WHO = PersonalData(full_name="梅小雪", phone="13700001111")


@pytest.fixture
def mine(client: Client, mei: Member) -> Client:
    Person.objects.filter(member=mei).delete()
    seal_person(mei.pk, WHO).save()
    client.force_login(mei.user)
    return client


def make() -> Export:
    """Let the outbox make what was asked for."""
    exporting.make(Obligation.objects.filter(topic=exporting.TOPIC), at=clock.now(), actor=Actor.job("test"))
    return Export.objects.latest("asked_at")


def test_she_asks_and_fetches_it_once_with_her_password(mine: Client, mei: Member) -> None:
    asked = mine.post("/me/data/copy", follow=True)
    export = make()
    page = mine.get("/me/data").content.decode()
    wrong = mine.post(f"/me/data/copies/{export.pk}", {"password": "nothing"})
    file = mine.post(f"/me/data/copies/{export.pk}", {"password": PASSWORD})
    whole = b"".join(file.streaming_content)
    again = mine.post(f"/me/data/copies/{export.pk}", {"password": PASSWORD})

    assert "The copy is being made" in asked.content.decode()
    assert f"/me/data/copies/{export.pk}" in page
    assert "not your password" in wrong.content.decode()
    assert file["Content-Type"] == "application/zip"
    assert "no-store" in file["Cache-Control"]
    packed = zipfile.ZipFile(io.BytesIO(whole))
    assert "梅小雪" in packed.read("index.html").decode()
    assert "be fetched" in again.content.decode()
    assert Export.objects.get().state == "taken"


def test_another_s_copy_does_not_exist_for_her(mine: Client, mei: Member) -> None:
    other = MemberFactory(user=UserFactory())
    export = Export.objects.create(
        member=other, channel="portal", language="en", asked_at=clock.now(), asked_by=other.user
    )

    assert mine.get(f"/me/data/copies/{export.pk}").status_code == 404
    assert mine.post(f"/me/data/copies/{export.pk}", {"password": PASSWORD}).status_code == 404


def test_who_has_no_password_confirms_by_a_code(mine: Client, mei: Member) -> None:
    mei.user.set_unusable_password()
    mei.user.save()
    mine.force_login(mei.user)
    mine.post("/me/data/copy")
    export = make()

    page = mine.get(f"/me/data/copies/{export.pk}").content.decode()
    mine.post("/me/data/code", {"back": str(export.pk)})
    code = OneTimeCode.objects.get()
    wrong = mine.post(f"/me/data/copies/{export.pk}", {"code": "000000x"})
    file = mine.post(f"/me/data/copies/{export.pk}", {"code": verifying.secret_of(code)})

    assert "Send me a code" in page
    assert "not the code" in wrong.content.decode()
    assert file["Content-Type"] == "application/zip"
    assert code.member_id == mei.pk


def test_five_wrong_passwords_are_enough(mine: Client, mei: Member) -> None:
    mine.post("/me/data/copy")
    export = make()
    for _try in range(5):
        mine.post(f"/me/data/copies/{export.pk}", {"password": "nothing"})

    sixth = mine.post(f"/me/data/copies/{export.pk}", {"password": PASSWORD})

    assert "Too many wrong tries" in sixth.content.decode()
    assert Export.objects.get().state == "ready"


def test_she_reads_what_stands_against_her_erasure(mine: Client, mei: Member) -> None:
    AccountFactory(member=mei)

    page = mine.get("/me/data/erase").content.decode()
    refused = mine.post("/me/data/erase", {"sure": "on", "password": PASSWORD})

    assert "Accounts are open at the bank: 1" in page
    assert "<form" not in page.split("What stands against it")[1].split("Keep my membership")[0]
    assert refused.status_code == 200
    assert not Erasure.objects.exists()
    assert Member.objects.get(pk=mei.pk).status == "active"


def test_without_both_yes_nothing_is_erased(mine: Client, mei: Member, post) -> None:
    post(40)

    for said in ({"password": PASSWORD}, {"sure": "on"}, {"sure": "on", "password": PASSWORD}):
        assert mine.post("/me/data/erase", said).status_code == 200

    assert not erasing.is_erased(mei.pk)


def test_she_is_erased_and_signed_out_with_a_certificate(mine: Client, mei: Member, post) -> None:
    post(40)

    gone = mine.post("/me/data/erase", {"sure": "on", "gives_up_points": "on", "password": PASSWORD})

    certificate = erasing.certificate_of(mei.pk)
    assert certificate.number in gone.content.decode()
    assert certificate.document["points_given_up"] == 40
    assert mine.get("/me").status_code == 302
    assert not mine.login(username="mei", password=PASSWORD)


def test_her_wish_waits_for_its_day_and_can_be_taken_back(mine: Client, mei: Member, today: datetime.date) -> None:
    closed = today.replace(day=1) - datetime.timedelta(days=1)
    AccountFactory(member=mei, opened_on=datetime.date(2020, 1, 1), closed_on=closed)

    kept = mine.post("/me/data/erase", {"sure": "on", "password": PASSWORD}, follow=True).content.decode()
    taken_back = mine.post("/me/data/keep", follow=True).content.decode()

    assert "Your wish is kept" in kept
    assert re.search(r"Your data is destroyed on [^<]+ if nothing", kept)
    assert "taken your wish back" in taken_back
    assert [one.state for one in Erasure.objects.all()] == ["withdrawn"]


@pytest.mark.parametrize("address", ["/me/data", "/me/data/erase"])
def test_a_stranger_is_asked_to_sign_in(client: Client, mei: Member, address: str) -> None:
    assert client.get(address).status_code == 302
    assert "login" in client.get(address)["Location"]
