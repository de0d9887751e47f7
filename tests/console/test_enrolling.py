"""At the counter: a teller begins, the newcomer finishes on his own phone; and the console shows what members said."""

import re

import pytest
from django.test import Client

from foundation.access.models import Role
from foundation.audit.models import AuditEvent
from members import consents, verifying
from members.models import Enrolment, Member, OneTimeCode
from tests.console.conftest import House, posted
from tests.factories import ConsentTextFactory, MemberFactory, UserFactory
from tests.members.cast import LI, NOON, STRANGER, TODAY, known

ENROL = "/console/enrol/"


@pytest.fixture(autouse=True)
def texts(db):
    for purpose in ("terms", "privacy", "marketing"):
        ConsentTextFactory(purpose=purpose)


def details(house: House, **more: object) -> dict[str, object]:
    return {"full_name": LI.full_name, "phone": LI.phone, "language": "zh-hans", "branch": house.lujiazui.pk} | more


def test_begun_by_a_teller_and_finished_on_the_newcomer_s_phone(house: House, teller: Client):
    sent = teller.post(ENROL, details(house), follow=True).content.decode()
    code = OneTimeCode.objects.get()
    phone = Client()
    address = f"/join/link/{code.pk}/{verifying.secret_of(code)}"
    gone_on = phone.post(address)
    joined = phone.post("/join/agree", {"terms": "1", "privacy": "1"})

    member = Member.objects.get(branch=house.lujiazui, user__isnull=False)
    enrolment = Enrolment.objects.get()
    assert enrolment.reference in sent
    assert LI.phone not in sent
    assert (gone_on["Location"], joined["Location"]) == ("/join/agree", "/")
    assert (enrolment.begun_on, enrolment.finished_on, enrolment.member) == ("branch", "portal", member)
    assert AuditEvent.objects.get(verb="joining.begin").actor.is_staff
    assert AuditEvent.objects.get(verb="accepting.accept").system == "anonymous"


def test_what_is_wrong_is_said_at_its_field(house: House, teller: Client):
    page = teller.post(ENROL, details(house, phone="12", full_name="")).content.decode()

    assert "This is no mobile number" in re.search(r'id="id_phone_error"[^>]*>([^<]*)', page)[1]
    assert "Write your full name." in re.search(r'id="id_full_name_error"[^>]*>([^<]*)', page)[1]
    assert not Enrolment.objects.exists()


def test_whether_the_bank_knows_somebody_is_not_shown_at_the_counter(house: House, teller: Client):
    known(branch=house.harbour)

    def page(phone: str) -> str:
        text = teller.post(ENROL, details(house, phone=phone), follow=True).content.decode()
        Enrolment.objects.all().delete()
        return re.sub(r'value="[^"]{20,}"|[0-9A-Z]{4}-[0-9A-Z]{4}|[0-9a-f-]{36}|\*{4}\d{4}', "?", text)

    assert page(LI.phone) == page("10099990000")


def test_a_teller_enrols_in_his_own_branches_and_sees_only_theirs(house: House, teller: Client):
    other = Client()
    other.force_login(posted(Role.TELLER, house.harbour))
    other.post(ENROL, details(house, branch=house.harbour.pk))
    enrolment = Enrolment.objects.get()

    elsewhere = teller.post(ENROL, details(house, branch=house.harbour.pk, phone="10099990000")).content.decode()
    page = teller.get(ENROL).content.decode()
    again = teller.post(f"{ENROL}{enrolment.pk}/again/")

    assert "Select a valid choice." in elsewhere
    assert enrolment.reference not in page
    assert again.status_code == 404
    assert Enrolment.objects.count() == 1


def test_another_link_ends_the_first(house: House, teller: Client):
    teller.post(ENROL, details(house))
    enrolment = Enrolment.objects.get()
    soon = teller.post(f"{ENROL}{enrolment.pk}/again/", follow=True).content.decode()
    OneTimeCode.objects.update(sent_at=OneTimeCode.objects.get().sent_at - verifying.PAUSE)

    teller.post(f"{ENROL}{enrolment.pk}/again/")

    assert "Too many codes were asked for." in soon
    assert OneTimeCode.objects.filter(replaced_at=None).count() == 1
    assert OneTimeCode.objects.count() == 2


@pytest.mark.parametrize("role", [Role.COMPLIANCE, Role.FINANCE, Role.PROGRAMME_MANAGER, Role.IT])
def test_who_has_no_counter_enrols_nobody(house: House, role: Role):
    client = Client()
    client.force_login(posted(role, house.head_office))

    assert client.get(ENROL).status_code == 403
    assert client.post(ENROL, details(house)).status_code == 403
    assert not Enrolment.objects.exists()


def test_the_tab_shows_what_the_member_said_and_the_list_who_is_invited(house: House, teller: Client):
    said = {"member_id": house.near.pk, "channel": "portal", "today": TODAY, "at": NOON, "actor": STRANGER}
    consents.give(purpose="marketing", version=1, **said)
    consents.withdraw(purpose="marketing", **said)
    invited = MemberFactory(invited=True, branch=house.lujiazui, user=UserFactory())

    tab = teller.get(f"/console/members/member/{house.near.pk}/?tab=consents").content.decode()
    page = teller.get(f"/console/members/member/{invited.pk}/?tab=consents").content.decode()
    only_invited = teller.get("/console/members/member/?status=invited").content.decode()

    assert tab.count("withdrawn") == 2
    assert "never asked" in tab
    assert "status-invited" in page
    assert invited.number in only_invited
    assert house.near.number not in only_invited


def test_many_words_cost_no_more_statements(house: House, teller: Client, django_assert_max_num_queries):
    said = {"member_id": house.near.pk, "channel": "portal", "today": TODAY, "at": NOON, "actor": STRANGER}
    for _time in range(20):
        consents.give(purpose="marketing", version=1, **said)
        consents.withdraw(purpose="marketing", **said)

    with django_assert_max_num_queries(20):
        teller.get(f"/console/members/member/{house.near.pk}/?tab=consents")
