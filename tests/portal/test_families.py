"""The family pages: who is invited answers, the head grants and gives, and nobody reaches into another family."""

import re
import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from foundation.jobs import clock
from foundation.jobs.models import Bank
from foundation.outbox import relaying
from members import families
from members.models import FamilyMembership, Member, Person
from points.models import Kind, PoolGrant, Purse, Redemption
from tests.factories import MemberFactory, PointCurrencyFactory, UserFactory
from tests.points.cast import CLERK

Page = Callable[[str], str]


@pytest.fixture
def bank_with_families(mei: Member) -> None:
    Bank.objects.update(family_pool=True)
    PointCurrencyFactory()


@pytest.fixture
def tao(mei: Member) -> Member:
    """A member with a sign-in of his own, whose name is shown as 陶*."""
    member = MemberFactory(user=UserFactory(username="tao"), number="T0042", branch=mei.branch)
    Person.objects.create(member=member, sealed=b"", masked_name="陶*", masked_phone="138****0042")
    return member


@pytest.fixture
def signed_in(tao: Member) -> Client:
    """Tao's own browser."""
    client = Client()
    client.force_login(tao.user)
    return client


def place_of(member: Member) -> FamilyMembership:
    return FamilyMembership.objects.open().get(number=member.number)


def join(client: Client, signed_in: Client, tao: Member) -> FamilyMembership:
    """Let Mei invite Tao and Tao accept, both by their pages; return his place."""
    assert client.post("/family/invite", {"number": tao.number}).status_code == 302
    assert signed_in.post(f"/family/{place_of(tao).pk}/accept").status_code == 302
    return place_of(tao)


@pytest.mark.usefixtures("bank_with_families")
def test_an_invitation_is_answered_on_the_other_s_page(
    client: Client, page: Page, signed_in: Client, tao: Member
) -> None:
    assert "You are in no family yet" in page("/family")

    answer = client.post("/family/invite", {"number": " t0042 "}, follow=True)

    text = answer.content.decode()
    assert "The invitation stands." in text
    assert "T0042" in text
    assert "陶*" not in text
    assert "An invitation waits for your answer." in signed_in.get("/me").content.decode()
    assert "invites you into a family" in signed_in.get("/family").content.decode()
    join_answer = signed_in.post(f"/family/{place_of(tao).pk}/accept", follow=True)
    assert "You are in the family now." in join_answer.content.decode()
    assert "陶*" in page("/family")


@pytest.mark.usefixtures("bank_with_families")
def test_inviting_nobody_looks_like_inviting_somebody(client: Client, page: Page, tao: Member) -> None:
    texts = []
    for number in ("T0042", "X9999"):
        text = client.post("/family/invite", {"number": number}, follow=True).content.decode().partition("<main")[2]
        texts.append(text.count("invited, no answer yet"))

    assert texts == [1, 2]


@pytest.mark.usefixtures("bank_with_families")
def test_the_head_sets_a_limit_and_both_see_it(client: Client, page: Page, signed_in: Client, tao: Member) -> None:
    place = join(client, signed_in, tao)

    answer = client.post(f"/family/{place.pk}/limit", {"points": "1,500", "currency": "points"}, follow=True)

    assert "The new limit holds from now on." in answer.content.decode()
    assert PoolGrant.objects.get().points_per_month == 1_500
    assert "1,500" in page("/family")
    assert "1,500" in signed_in.get("/family").content.decode()
    assert "New limit a month" not in signed_in.get("/family").content.decode()
    client.post("/family/invite", {"number": "S3CRET"})
    assert "S3CRET" in page("/family")
    assert "S3CRET" not in signed_in.get("/family").content.decode()


@pytest.mark.usefixtures("bank_with_families")
def test_points_are_given_once_however_often_the_form_is_sent(
    client: Client, page: Page, post: Callable, signed_in: Client, tao: Member, mei: Member
) -> None:
    place = join(client, signed_in, tao)
    post(500)
    key = re.search(r'name="key" value="([0-9a-f-]{36})"', page("/family"))[1]

    for _click in range(2):
        form = {"points": "120", "currency": "points", "key": key}
        answer = client.post(f"/family/{place.pk}/give", form, follow=True)
        assert "The points are on their way." in answer.content.decode()
    relaying.relay(at=clock.now(), actor=CLERK)

    assert dict(Purse.objects.values_list("member_id", "available")) == {mei.pk: 380, tao.pk: 120}
    assert "Points given" in page("/points")
    assert "Points received" in signed_in.get("/points").content.decode()


@pytest.mark.usefixtures("bank_with_families")
@pytest.mark.parametrize(
    ("verb", "form", "status", "sentence"),
    [
        ("limit", {"points": "-1", "currency": "points"}, 422, "The limit is a whole number"),
        ("limit", {"points": "१२", "currency": "points"}, 422, "The limit is a whole number"),
        ("limit", {"points": "9" * 30, "currency": "points"}, 422, "The limit is a whole number"),
        ("limit", {"points": "5", "currency": "none"}, 422, "can&#x27;t be transferred"),
        ("limit", {"points": "5", "currency": "\0"}, 422, "can&#x27;t be transferred"),
        ("give", {"points": "0", "currency": "points"}, 422, "Say how many points"),
        ("give", {"points": "1e3", "currency": "points"}, 422, "Say how many points"),
        ("give", {"points": "501", "currency": "points"}, 409, "not enough points"),
        ("give", {"points": "5", "currency": "points", "key": "x"}, 422, "sent before with other content"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    client: Client, page: Page, post: Callable, signed_in: Client, tao: Member, mei: Member,
    verb: str, form: dict[str, str], status: int, sentence: str,
) -> None:  # fmt: skip
    place = join(client, signed_in, tao)
    post(500)

    answer = client.post(f"/family/{place.pk}/{verb}", {"key": "7a1e8f0a-5d0b-4f53-9a55-111111111111"} | form)

    assert answer.status_code == status
    assert sentence in answer.content.decode()
    assert 'role="alert"' in answer.content.decode()
    assert not PoolGrant.objects.exists()
    assert dict(Purse.objects.values_list("member_id", "available")) == {mei.pk: 500}


@pytest.mark.usefixtures("bank_with_families")
def test_what_the_family_spends_and_what_comes_back_is_told_in_words(
    page: Page, post: Callable, mei: Member, tao: Member
) -> None:
    post(500)
    post(-60, figures={"for_member": tao.pk, "family": 1})
    post(30, kind=Kind.TRANSFER, cause="transfer/1/returned/unknown_recipient")

    text = page("/points")

    assert "Points spent by your family" in text
    assert "Points returned" in text


@pytest.mark.usefixtures("bank_with_families")
def test_a_stranger_reaches_nothing_of_a_family(client: Client, page: Page, signed_in: Client, tao: Member) -> None:
    place = join(client, signed_in, tao)
    stranger, other = Client(), MemberFactory(user=UserFactory())
    stranger.force_login(other.user)

    for verb in ("accept", "decline", "remove", "limit", "give"):
        for pk in (place.pk, 10**30):
            form = {"points": "5", "currency": "points", "key": "7a1e8f0a-5d0b-4f53-9a55-111111111111"}
            assert stranger.post(f"/family/{pk}/{verb}", form).status_code in {404, 409}
    assert Client().post("/family/leave").status_code == 302
    assert client.get("/family/leave").status_code == 405

    assert families.place_of(tao.pk) == place
    assert not PoolGrant.objects.exists()


@pytest.mark.usefixtures("bank_with_families")
def test_either_leaves_and_the_head_removes(client: Client, page: Page, signed_in: Client, tao: Member) -> None:
    join(client, signed_in, tao)
    assert "You have left the family." in signed_in.post("/family/leave", follow=True).content.decode()
    place = join(client, signed_in, tao)
    client.post(f"/family/{place.pk}/remove")
    assert families.place_of(tao.pk) is None
    client.post("/family/invite", {"number": tao.number})
    signed_in.post(f"/family/{place_of(tao).pk}/decline")
    client.post("/family/leave")

    assert not FamilyMembership.objects.open().exists()
    assert "You are in no family yet" in page("/family")


def test_a_bank_without_families_has_no_such_pages(client: Client, page: Page) -> None:
    assert "My family" not in page("/me")
    assert client.get("/family").status_code == 404
    assert client.post("/family/invite", {"number": "1"}).status_code == 404
    assert not FamilyMembership.objects.exists()


@pytest.mark.usefixtures("bank_with_families")
def test_the_page_takes_the_same_statements_for_two_and_for_eight(
    client: Client, page: Page, signed_in: Client, tao: Member, mei: Member, django_assert_max_num_queries
) -> None:
    join(client, signed_in, tao)
    for number in range(6):
        client.post("/family/invite", {"number": f"Q{number}"})

    with django_assert_max_num_queries(20):
        page("/family")


@pytest.fixture
def pool(
    bank_with_families: None, client: Client, page: Page, post: Callable, signed_in: Client, tao: Member
) -> Client:
    """Mei, head with 500 points, lets Tao use 100 a month; his browser."""
    post(500)
    place = join(client, signed_in, tao)
    client.post(f"/family/{place.pk}/limit", {"currency": "points", "points": "100"})
    return signed_in


def purse_of(member: Member) -> int:
    return Purse.objects.get(pk=(member.pk, PointCurrencyFactory().pk)).available


def use(client: Client, amount: str, **more: str):
    return client.post("/points/points/use", {"points": amount, "key": str(uuid.UUID(int=7)), **more})


def test_he_chooses_whose_points_and_takes_them_back(pool: Client, tao: Member, mei: Member) -> None:
    before = purse_of(mei)
    asked = pool.get("/points/points/use?pay_from=family").content.decode()
    checked = use(pool, "60", pay_from="family").content.decode()
    done = use(pool, "60", pay_from="family", confirmed="1")

    assert "100 left this month" in asked and 'value="family" checked' in asked
    assert "Left after it" in checked and "<b>40</b>" in checked
    assert done["Location"] == "/family?done=used"
    assert purse_of(mei) == before - 60
    page = pool.get("/family").content.decode()
    made = Redemption.objects.get()
    assert "What you used of the family" in page and f"rdm_{made.pk.hex}" in page
    back = pool.post(f"/family/redemptions/rdm_{made.pk.hex}/give-back")
    assert back["Location"] == "/family?done=given_back"
    assert purse_of(mei) == before


def test_more_than_the_right_or_after_it_was_taken_back_touches_no_purse(
    pool: Client, client: Client, tao: Member, mei: Member
) -> None:
    before = purse_of(mei)

    over = use(pool, "101", pay_from="family", confirmed="1").content.decode()
    client.post(f"/family/{place_of(tao).pk}/limit", {"currency": "points", "points": "0"})
    taken_back = use(pool, "1", pay_from="family", confirmed="1").content.decode()

    assert "more than is left" in over and "more than is left" in taken_back
    assert purse_of(mei) == before
    assert not Redemption.objects.exists()


def test_the_head_and_strangers_take_nothing_of_it_back(pool: Client, client: Client) -> None:
    use(pool, "60", pay_from="family", confirmed="1")
    made = Redemption.objects.get()

    answer = client.post(f"/family/redemptions/rdm_{made.pk.hex}/give-back")

    assert answer.status_code == 404
    assert client.get(f"/points/points/{made.entry_number}").context["may_give_back"] is False
    made.refresh_from_db()
    assert made.state == "done"
