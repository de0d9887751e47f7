"""Systems redeem for members by number, members for themselves; each reads and cancels his own and nobody else's."""

import datetime

import pytest
from django.test import Client

from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.jobs.models import Bank
from members import families
from members.models import FamilyMembership, Member
from points import pooling
from points.models import Entry, Kind, PointCurrency, Purse, Redemption
from tests.api.conftest import bearing, cancel, earn, redeem, system
from tests.factories import MemberFactory, PointCurrencyFactory, UserFactory
from tests.points.cast import CLERK

URL = "/api/v1/redemptions"


@pytest.fixture
def me(bank) -> Client:
    """The bank's member M00000001, signed in, with 100 points."""
    member = Member.objects.get(number="M00000001")
    member.user = UserFactory()
    member.save(update_fields=["user"])
    earn(member, 100)
    client = Client()
    client.force_login(member.user)
    client.member = member
    return client


def available() -> int:
    return Purse.objects.get(member_id=Member.objects.get(number="M00000001").pk).available


def test_a_redemption_answers_what_it_is(partner):
    answer = redeem(partner, 80, reference="order-1", purpose="Tea voucher")

    made = Redemption.objects.get()
    assert answer.status_code == 201, answer.content
    assert answer.json() == {
        "id": f"rdm_{made.pk.hex}",
        "member": "M00000001",
        "currency": "points",
        "points": 80,
        "payFrom": "own",
        "state": "done",
        "reference": "order-1",
        "purpose": "Tea voucher",
        "redeemedAt": answer.json()["redeemedAt"],
        "cancelledAt": None,
        "lapsesAt": None,
        "ledgerEntry": "ent_points_2",
    }
    assert datetime.datetime.fromisoformat(answer.json()["redeemedAt"]) == made.redeemed_at
    assert partner.get(f"{URL}/{answer.json()['id']}").json() == answer.json()
    assert available() == 20


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ("9223372036854775807", "max_value"),
        ("-9223372036854775808", "min_value"),
        ("1000000000001", "max_value"),
        ("1" + "0" * 400, "max_value"),
        ("0", "min_value"),
        ("-1", "min_value"),
        ("1e400", "invalid"),
        ("1.5", "invalid"),
        ('"١٢٣"', "invalid"),
        ('"1,000"', "invalid"),
        ('"0x10"', "invalid"),
        ('"80"', "invalid"),
        ('""', "invalid"),
        ("true", "invalid"),
        ("null", "null"),
        ("[80]", "invalid"),
        ("{}", "invalid"),
    ],
)
def test_points_that_are_no_points_are_refused_at_their_place(partner, points, code):
    """E06, E09."""
    body = f'{{"member": "M00000001", "points": {points}}}'

    answer = partner.post(URL, body, content_type="application/json", headers={"idempotency-key": "k"})

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [("/points", code)]
    assert available() == 100


def test_the_most_points_there_can_be_come_through_as_they_are(partner):
    """E09: whole numbers in JSON, which a program that knows floating point only reads exactly."""
    lin = MemberFactory(number="M-LIN")
    earn(lin, 10**12)

    answer = redeem(partner, 10**12, member="M-LIN")

    assert answer.status_code == 201
    assert b'"points":1000000000000,' in answer.content
    assert int(float("1000000000000")) == answer.json()["points"] == 10**12


@pytest.mark.parametrize("body", ["NaN", '{"member": "M00000001", "points": NaN}', "{", "[]", '"x"', "80", ""])
def test_a_body_that_is_no_object_is_a_problem(partner, body):
    answer = partner.post(URL, body, content_type="application/json", headers={"idempotency-key": "k"})

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert available() == 100


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"points": 101}, 409, "insufficient_points"),
        ({"points": 10**12}, 409, "insufficient_points"),
        ({"member": "nobody"}, 422, "unknown_member"),
        ({"member": None}, 422, "unknown_member"),
        ({"currency": "nothing"}, 422, "unknown_point_currency"),
        ({"currency": "growth"}, 422, "unknown_point_currency"),
        ({"reference": "a b"}, 400, "invalid"),
        ({"reference": "a" * 101}, 400, "invalid"),
        ({"purpose": "a" * 81}, 400, "invalid"),
        ({"purpose": "a\x00b"}, 400, "invalid"),
        ({"member": "a\x00b"}, 400, "invalid"),
    ],
)
def test_what_is_refused_changes_nothing(partner, more, status, code):
    PointCurrencyFactory(growth=True)

    answer = redeem(partner, **{"points": 80, **more})

    assert (answer.status_code, answer.json()["code"], answer["Content-Type"]) == (
        status, code, "application/problem+json",
    )  # fmt: skip
    assert not Redemption.objects.exists()
    assert available() == 100


def test_a_closed_member_redeems_nothing(partner):
    Member.objects.update(status="closed", closed_on=datetime.date(2026, 3, 2))

    answer = redeem(partner)

    assert (answer.status_code, answer.json()["code"]) == (409, "unknown_purse")


def test_what_lapsed_yesterday_is_gone_and_what_lapses_today_is_not(partner):
    """D07 at this door: by the database's clock, in the bank's zone, booked or not."""
    today = clock.today()
    lin = MemberFactory(number="M-LIN")
    earn(lin, 30, expires_on=today - datetime.timedelta(days=1))
    earn(lin, 30, expires_on=today)

    lapsed, last = redeem(partner, 31, member="M-LIN", key="1"), redeem(partner, 30, member="M-LIN", key="2")

    assert (lapsed.status_code, lapsed.json()["code"]) == (409, "insufficient_points")
    assert last.status_code == 201


def test_a_cancelled_redemption_comes_back(partner):
    made = redeem(partner).json()

    answer = cancel(partner, made["id"])

    assert answer.status_code == 200
    assert answer.json() == made | {"state": "cancelled", "cancelledAt": answer.json()["cancelledAt"]}
    assert available() == 100
    assert Entry.objects.filter(kind=Kind.RESTORE).count() == 1


def test_cancelled_again_by_its_key_it_answers_and_by_another_it_is_refused(partner):
    made = redeem(partner).json()["id"]
    first = cancel(partner, made)

    replayed, other = cancel(partner, made), cancel(partner, made, key="key-2")

    assert (replayed.status_code, replayed.content, replayed["Idempotency-Replayed"]) == (200, first.content, "true")
    assert (other.status_code, other.json()["code"]) == (409, "already_cancelled")
    assert available() == 100


def test_a_member_redeems_for_himself_and_takes_it_back(me):
    made = redeem(me, 80, member=None, purpose="cash_offset").json()
    cancelled = cancel(me, made["id"])

    assert made["member"] == "M00000001"
    assert cancelled.json()["state"] == "cancelled"
    events = AuditEvent.objects.order_by("at").values_list("verb", "actor")
    assert list(events) == [
        ("points.redeem", me.member.user.pk),
        ("points.cancel_redemption", me.member.user.pk),
    ]


def test_a_member_takes_nothing_back_that_a_partner_has_delivered(me, partner):
    made = redeem(partner, 10).json()["id"]

    answer = cancel(me, made)

    assert me.get(f"{URL}/{made}").status_code == 200
    assert answer.status_code == 404
    assert Redemption.objects.get().state == "done"


def test_after_a_week_a_member_takes_nothing_back_and_a_partner_does(me, partner):
    his, theirs = redeem(me, 10, member=None).json()["id"], redeem(partner, 10).json()["id"]
    Redemption.objects.update(redeemed_at=clock.now() - datetime.timedelta(days=8))

    late, partners = cancel(me, his), cancel(partner, theirs)

    assert (late.status_code, late.json()["code"]) == (409, "too_late_to_cancel")
    assert partners.status_code == 200


def test_nobody_redeems_for_another_member_by_his_session(me):
    earn(MemberFactory(number="M-LI"), 100)

    answer = redeem(me, 80, member="M-LI")

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_member")
    assert not Redemption.objects.exists()


def test_what_is_anothers_does_not_exist(partner, me):
    earn(MemberFactory(number="M-LI"), 100)
    other = bearing(system("redemptions:write"))
    made = redeem(partner, member="M-LI").json()["id"]

    assert [client.get(f"{URL}/{made}").status_code for client in (other, me)] == [404, 404]
    assert [cancel(client, made).status_code for client in (other, me)] == [404, 404]
    assert [client.get(URL).json()["data"] for client in (other, me)] == [[], []]
    assert Redemption.objects.get().state == "done"


@pytest.mark.parametrize("path", ["rdm_x", "rdm_" + "0" * 32, "rdm_" + "0" * 33, "0", "rdm_" + "F" * 32])
def test_an_id_that_names_nothing_is_not_found(partner, path):
    answers = [partner.get(f"{URL}/{path}"), cancel(partner, path)]

    assert [(answer.status_code, answer["Content-Type"]) for answer in answers] == [
        (404, "application/problem+json")
    ] * 2


@pytest.mark.parametrize("scopes", [[], ["members:read"], ["activities:write"]])
def test_a_token_without_the_scope_redeems_and_reads_nothing(partner, scopes):
    stranger = bearing(system(*scopes))

    answers = [redeem(stranger), stranger.get(URL), cancel(stranger, "rdm_" + "0" * 32)]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert available() == 100


def test_strangers_and_staff_redeem_nothing(partner):
    staff = Client()
    staff.force_login(UserFactory(is_staff=True))

    assert [redeem(client).status_code for client in (Client(), staff)] == [401, 403]
    assert available() == 100


def test_a_session_redeems_only_with_its_csrf_token(me):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(me.member.user)

    answer = redeem(strict, 80, member=None)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert available() == 100


def test_pages_follow_each_other_newest_first_without_gap_or_repeat(partner):
    earn(MemberFactory(number="M-LI"), 100)
    made = [redeem(partner, 1, key=f"{number}", member=("M00000001", "M-LI")[number % 2]).json() for number in range(7)]

    seen, cursor = [], ""
    while cursor is not None:
        answer = partner.get(URL, {"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += answer["data"]
        cursor = answer["nextCursor"]
        assert answer["hasMore"] is (cursor is not None)

    assert sorted(seen, key=lambda row: row["redeemedAt"], reverse=True) == list(reversed(made))
    assert len(partner.get(URL, {"member": "M-LI"}).json()["data"]) == 3


@pytest.mark.parametrize("query", [{"cursor": "x"}, {"cursor": "WzFd"}, {"cursor": "WyJ4Il0"}])
def test_a_cursor_that_we_never_gave_is_refused(partner, query):
    answer = partner.get(URL, query)

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_unreadable")


@pytest.mark.parametrize("number", ["\x00", "nobody", "a" * 500])
def test_a_list_of_an_unknown_member_is_empty(partner, number):
    answer = partner.get(URL, {"member": number})

    assert (answer.status_code, answer.json()["data"]) == (200, [])


def test_a_page_takes_as_many_statements_for_one_as_for_forty(partner, django_assert_num_queries):
    for number in range(40):
        redeem(partner, 1, key=f"{number}")

    with django_assert_num_queries(2):  # one of them the token's
        assert len(partner.get(URL, {"limit": 100}).json()["data"]) == 40


def test_without_a_currency_it_is_the_banks_first_reward_points(partner):
    PointCurrency.objects.create(code="miles", kind="reward", names={"en": "Miles"})

    assert redeem(partner).json()["currency"] == "points"
    assert redeem(partner, key="2", currency="miles").json()["code"] == "insufficient_points"


@pytest.fixture
def family(me) -> Client:
    """The member who is signed in is in the family of M0000HEAD, who has 500 points and lets him use 100 a month; its client."""
    Bank.objects.update(family_pool=True)
    head = MemberFactory(number="M0000HEAD", user=UserFactory())
    earn(head, 500)
    trail = {"at": clock.now(), "actor": CLERK}
    families.invite(member_id=head.pk, number=me.member.number, **trail)
    place = FamilyMembership.objects.inviting(me.member.number).get()
    families.accept(membership_id=place.pk, member_id=me.member.pk, **trail)
    currency = PointCurrency.objects.get(code="points")
    pooling.grant(
        head_member_id=head.pk, membership_id=place.pk, currency_id=currency.pk, points_per_month=100, **trail
    )
    client = Client()
    client.force_login(head.user)
    return client


def test_the_family_pays_within_the_limit_and_the_head_reads_of_it(me, family):
    first = redeem(me, 80, member=None, payFrom="family", reference="shoes")
    again = redeem(me, 80, member=None, payFrom="family", reference="shoes", key="key-2")
    over = redeem(me, 21, member=None, payFrom="family", key="key-3")

    body = first.json()
    assert (first.status_code, body["member"], body["payFrom"], body["ledgerEntry"]) == (
        201,
        "M00000001",
        "family",
        None,
    )
    assert (again.status_code, again.json()["id"]) == (200, body["id"])
    assert (over.status_code, over.json()["code"]) == (409, "pool_limit_exceeded")
    assert (available(), Purse.objects.get(member_id__gt=me.member.pk).available) == (100, 420)
    assert [one["id"] for one in family.get(URL).json()["data"]] == [body["id"]]
    assert [one["id"] for one in me.get(URL).json()["data"]] == [body["id"]]


def test_who_redeemed_cancels_and_the_points_go_back_to_the_head(me, family):
    made = redeem(me, 80, member=None, payFrom="family").json()

    by_the_head, by_himself = cancel(family, made["id"]), cancel(me, made["id"])

    assert (by_the_head.status_code, by_himself.json()["state"]) == (404, "cancelled")
    assert (available(), Purse.objects.get(member_id__gt=me.member.pk).available) == (100, 500)


def test_a_system_redeems_of_the_family_for_a_member_and_finds_it_under_his_number(family):
    partner = bearing(system("redemptions:write"))

    made = redeem(partner, 80, payFrom="family")

    assert (made.status_code, made.json()["payFrom"]) == (201, "family")
    assert len(partner.get(f"{URL}?member=M00000001").json()["data"]) == 1
    assert partner.get(f"{URL}?member=M0000HEAD").json()["data"] == []
    assert cancel(partner, made.json()["id"], key="key-2").json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"payFrom": "family", "member": "M0000HEAD"}, (409, "no_pool")),
        ({"payFrom": "family", "hold": True}, (422, "pool_not_held")),
        ({"payFrom": "neighbour"}, (400, "invalid")),
        ({"payFrom": "family", "currency": "growth"}, (422, "unknown_point_currency")),
    ],
)
def test_what_the_family_does_not_pay_is_refused(family, asked, refused):
    PointCurrencyFactory(growth=True)

    answer = redeem(bearing(system("redemptions:write")), 1, **asked)

    assert (answer.status_code, answer.json()["code"]) == refused
    assert not Redemption.objects.exists()


def test_where_the_bank_has_no_families_none_pays(me):
    answer = redeem(me, 1, member=None, payFrom="family")

    assert (answer.status_code, answer.json()["code"]) == (404, "family_pool_off")
    assert available() == 100
