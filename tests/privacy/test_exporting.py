"""H16: the copy is complete, only his own, fetched once, within its day; it stands nowhere in clear."""

import datetime
import hashlib
import io
import json
import tracemalloc
import uuid
import zipfile

import pytest
from django.apps import apps
from django.db import models

from activity.models import Activity
from foundation.access.models import Role, User
from foundation.actors import Actor
from foundation.outbox.models import Obligation
from members import revealing
from members.models import Consent, Member
from members.sealing import PersonalData, seal_person
from privacy import contents, disclosing, exporting, exporting_for
from privacy.models import Export, ExportPart
from tests.factories import AccountFactory, ActivityFactory, ConsentTextFactory, MemberFactory
from tests.points.cast import NOON
from tests.privacy.cast import JOB, ZHAO, approve, earn, officer, open_house

DAY = datetime.timedelta(days=1)
LI = PersonalData(full_name="李小雨", phone="10088880001")


@pytest.fixture
def house(db):
    return open_house()


def made(member: Member, *, at: datetime.datetime = NOON) -> Export:
    """Ask for a copy and let the outbox make it."""
    export = exporting.ask(member=member, channel="portal", language="zh-hans", at=at, actor=Actor(user=member.user))
    exporting.make(Obligation.objects.filter(topic=exporting.TOPIC), at=at, actor=JOB)
    export.refresh_from_db()
    return export


def read(export: Export, *, at: datetime.datetime = NOON) -> zipfile.ZipFile:
    """Take a copy and open its file."""
    key = exporting.take(export=export, at=at, actor=JOB)
    whole = b"".join(exporting.fetched(export, key=key))
    assert (len(whole), hashlib.sha256(whole).hexdigest()) == (export.size, export.digest)
    return zipfile.ZipFile(io.BytesIO(whole))


def rows(file: zipfile.ZipFile, code: str) -> list[dict]:
    return json.loads(file.read(f"data/{code}.json"))


def test_it_holds_all_of_his_and_nothing_of_another(house):
    member, points = house
    other = MemberFactory(branch=member.branch, number="C00000008")
    seal_person(other.pk, LI).save()
    texts = {
        member: ConsentTextFactory(purpose="terms", version=member.pk),
        other: ConsentTextFactory(purpose="privacy", version=other.pk),
    }
    for one in (member, other):
        earn(one, points, 70)
        AccountFactory(member=one, number=f"A-{one.number}")
        ActivityFactory(member=one, external_id=f"T-{one.number}")
        Consent.objects.create(member=one, text=texts[one], given=True, at=NOON, channel="portal")
    compliance = officer(member.branch)
    for one in (member, other):
        revealing.reveal(member=one, reason=f"about {one.number}", actor=Actor(user=compliance), at=NOON)

    file = read(made(member))

    assert rows(file, "identity")[0]["full_name"] == "赵国强"
    assert rows(file, "identity")[0]["national_id"] == ZHAO.national_id
    assert [row["number"] for row in rows(file, "accounts")] == ["A-C00000007"]
    assert [row["external_id"] for row in rows(file, "activities")] == ["T-C00000007"]
    assert [(row["points"], row["currency"]) for row in rows(file, "entries")] == [(70, "points")]
    assert [row["texts"]["en"] for row in rows(file, "consents")] == [f"What terms {member.pk} says."]
    assert [(row["by"], row["why"]) for row in rows(file, "looks")] == [(compliance.employee_number, "about C00000007")]
    manifest = json.loads(file.read("manifest.json"))
    assert manifest["format"] == "member-data-1"
    assert {
        name.removeprefix("data/").removesuffix(".json") for name in file.namelist() if name.startswith("data/")
    } == {section["code"] for section in manifest["sections"]}
    whole = b"".join(file.read(name) for name in file.namelist()).decode()
    assert "李小雨" not in whole
    assert "C00000008" not in whole
    page = file.read("index.html").decode()
    assert "赵国强" in page
    assert '<html lang="zh-hans">' in page


def test_every_model_with_a_path_to_a_member_is_told_or_excepted_with_a_reason():
    told = {model for section in contents.SECTIONS for model in section.models}
    owned = {Member, User, *told}
    reaching = {
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if any(
            (field.is_relation and not field.auto_created and field.related_model in owned)
            or (isinstance(field, models.BigIntegerField) and field.name == "member_id")
            for field in model._meta.get_fields()
        )
    }
    labels = {model._meta.label for model in told}

    assert reaching - labels - set(contents.EXCEPTED) == set()
    # What is excepted is there, and says why.
    assert set(contents.EXCEPTED) - {model._meta.label for model in apps.get_models(include_auto_created=True)} == set()
    assert all(len(reason) > 5 for reason in contents.EXCEPTED.values())


def test_no_section_tells_a_hash_or_a_cipher():
    for section in contents.SECTIONS:
        for model in section.models:
            assert not [field.name for field in contents.fields_of(model) if isinstance(field, models.BinaryField)]


def test_it_is_fetched_once(house):
    member, _points = house
    export = made(member)
    read(export)

    with pytest.raises(exporting.NotReady):
        exporting.take(export=export, at=NOON, actor=JOB)

    assert Export.objects.get(pk=export.pk).state == "taken"


def test_after_its_day_it_is_gone_with_its_key(house):
    member, _points = house
    export = made(member)

    with pytest.raises(exporting.NotReady):
        exporting.take(export=export, at=NOON + DAY, actor=JOB)
    assert (exporting.end(at=NOON + DAY - datetime.timedelta(seconds=1)), exporting.end(at=NOON + DAY)) == (0, 1)

    export.refresh_from_db()
    assert (export.state, export.wrapped_key, ExportPart.objects.count()) == ("over", None, 0)


def test_what_was_fetched_is_gone_an_hour_later(house):
    member, _points = house
    export = made(member)
    read(export)

    assert exporting.end(at=NOON + datetime.timedelta(minutes=59)) == 0
    assert exporting.end(at=NOON + datetime.timedelta(hours=1)) == 1

    export.refresh_from_db()
    assert (export.state, export.wrapped_key, ExportPart.objects.count()) == ("taken", None, 0)


def test_its_parts_are_sealed_and_none_takes_another_s_place(house):
    member, _points = house
    export = made(member)

    assert not [
        part
        for part in ExportPart.objects.all()
        if "赵".encode() in bytes(part.sealed) or bytes(part.sealed)[:2] == b"PK"
    ]
    ExportPart.objects.filter(export=export).update(number=1)
    key = exporting.take(export=export, at=NOON, actor=JOB)
    assert list(exporting.fetched(export, key=key)) == []


def test_so_many_a_day_and_one_at_a_time(house, settings):
    settings.EXPORTS_A_DAY = 2
    member, _points = house
    actor = Actor(user=member.user)
    asked = {"member": member, "channel": "portal", "language": "en", "at": NOON, "actor": actor}
    first = exporting.ask(**asked)

    assert exporting.ask(**asked).pk == first.pk
    exporting.make(Obligation.objects.filter(topic=exporting.TOPIC), at=NOON, actor=JOB)
    made(member)
    with pytest.raises(exporting.TooManyExports):
        exporting.ask(**asked)
    assert exporting.ask(**asked | {"at": NOON + DAY}).state == "asked"
    assert Export.objects.count() == 3


def test_two_people_make_one_for_who_comes_to_the_counter(house):
    member, _points = house
    teller, manager = officer(member.branch, Role.TELLER), officer(member.branch, Role.BRANCH_MANAGER)
    request = exporting_for.ask(id=uuid.uuid4(), member=member, reason="He asked", actor=Actor(user=teller), at=NOON)
    assert not Export.objects.exists()

    approve(request, manager)

    export = Export.objects.get()
    assert (export.channel, export.request_id) == ("branch", request.pk)
    assert exporting_for.asked_by(teller, export=export)
    assert not exporting_for.asked_by(manager, export=export)


@pytest.mark.parametrize(("secret_until", "is_told"), [(None, True), (NOON.date(), False), (NOON.date() - DAY, True)])
def test_a_disclosure_is_told_unless_secrecy_is_ordered(house, secret_until, is_told):
    member, _points = house
    first, second = officer(member.branch), officer(member.branch)
    request = disclosing.ask(
        id=uuid.uuid4(),
        member=member,
        authority="Procuratorate",
        legal_basis="Criminal Procedure Law, article 54",
        what_given="name and balances",
        given_on=NOON.date(),
        secret_until=secret_until,
        reason="case 17",
        actor=Actor(user=first),
        at=NOON,
    )
    approve(request, second)
    revealing.reveal(member=member, reason="case 17", actor=Actor(user=first), at=NOON)

    file = read(made(member))

    assert [row["authority"] for row in rows(file, "disclosures")] == (["Procuratorate"] if is_told else [])
    # Who dealt with it, and so looked at him, would tell of it.
    assert [row["why"] for row in rows(file, "looks")] == (["case 17"] if is_told else [])
    whole = b"".join(file.read(name) for name in file.namelist()).decode()
    assert ("Procuratorate" in whole) == is_told


def test_its_memory_does_not_grow_with_what_there_is(house, settings, monkeypatch):
    monkeypatch.setattr(contents, "PAGE", 100)
    settings.EXPORTS_A_DAY = 10
    member, _points = house
    ActivityFactory.create_batch(50, member=member)
    peaks = []
    for count in (0, 2_000):
        first = Activity.objects.filter(member_id=member.pk).first()
        fields = {field.attname: getattr(first, field.attname) for field in Activity._meta.concrete_fields}
        Activity.objects.bulk_create(
            [Activity(**fields | {"external_id": f"M{count}-{number:06}"}) for number in range(count)]
        )
        made(member)
        tracemalloc.start()
        read(made(member))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    # Two thousand rows at once are some four megabytes; a page of a hundred is the most there ever is.
    assert peaks[1] - peaks[0] < 2 * 2**20
    assert len(rows(read(made(member)), "activities")) == 2_050
