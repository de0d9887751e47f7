"""What a member reads of his points: the figure, its unit, what lapses, and the reason of each entry."""

import datetime
from collections.abc import Callable

import pytest
from django.test import Client

from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from foundation.periods import add_months
from members.models import Member
from points import lapsing, summaries
from points.models import Kind
from tests.factories import (
    ActivityFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
    RuleBookFactory,
    UserFactory,
)

Page = Callable[[str], str]
DAY = datetime.timedelta(days=1)


def test_a_member_without_points_is_told_what_comes(page: Page) -> None:
    PointCurrencyFactory()

    assert "First steps" in page("/")
    assert "No points yet" in page("/points")


def test_points_are_shown_with_separators_a_true_minus_and_their_worth(page: Page, post: Callable) -> None:
    PointCurrencyFactory(worth_minor=1)
    post(12_480)
    post(-1_200)

    text = page("/points")

    assert '<span class="figure">11,280</span>' in text
    assert "¥112.80" in text
    assert ">+12,480<" in text
    assert ">−1,200<" in text


def test_an_entry_tells_its_rule_its_figures_and_its_cap(page: Page, post: Callable) -> None:
    version = EarningRuleVersionFactory()
    figures = {"per": "amount", "amount_minor": 182_000, "rate": "0.2", "uncapped": 364, "cap": 200}
    answer = post(200, rule_version_id=version.pk, figures=figures)

    text = page(f"/points/points/{answer.number}")

    assert "¥1,820.00 × 0.2 = 364" in text
    assert "At most 200 per activity." in text
    assert str(version.rule) in text


def test_a_debit_names_what_it_was_taken_from(page: Page, post: Callable, today: datetime.date) -> None:
    late = post(100, expires_on=today + 60 * DAY)
    soon = post(50, expires_on=today + 30 * DAY)
    debit = post(-70)

    text = page(f"/points/points/{debit.number}").partition("Taken from")[2]

    assert text.index(f"Entry {soon.number}<") < text.index(f"Entry {late.number}<")
    assert (">50<" in text, ">20<" in text) == (True, True)


def test_a_lapse_names_the_day_its_points_were_earned(
    page: Page, post: Callable, mei: Member, today: datetime.date
) -> None:
    credit = post(90, occurred_on=datetime.date(2020, 1, 9), expires_on=datetime.date(2021, 1, 31))

    line = page("/points").partition("Points lapsed")[2].partition("</a>")[0]
    text = page(f"/points/points/{credit.number + 1}")

    assert "−90" in line
    assert "earned on 9 January 2020" in line
    assert f'href="/points/points/{credit.number}"' in text


def test_pending_points_stand_apart_and_say_from_when(page: Page, post: Callable, today: datetime.date) -> None:
    post(360, available_on=today + 5 * DAY)

    text = page("/points")

    assert '<span class="figure">0</span>' in text
    assert "<dd>360" in text
    assert "Pending, usable from" in text


def test_the_calendar_lists_every_date_on_which_points_lapse(page: Page, post: Callable, today: datetime.date) -> None:
    post(320, expires_on=today + 10 * DAY)
    post(80, expires_on=today + 10 * DAY)
    post(55, expires_on=today + 300 * DAY)
    post(99, expires_on=today + 500 * DAY)

    home, points, calendar = page("/"), page("/points"), page("/points/points/expiring")

    assert "400 points lapse after" in home
    assert ('href="/points/points/expiring"' in home, 'href="/points/points/expiring"' in points) == (True, True)
    assert '<span class="figure">455</span>' in calendar
    assert (">400<" in calendar, ">55<" in calendar, ">99<" in calendar) == (True, True, False)
    assert "Unused points lapse at the end of the month 12 months after the activity." in calendar


def test_the_calendar_says_what_lapses_only_if_the_member_does_nothing(
    page: Page, post: Callable, mei: Member, today: datetime.date
) -> None:
    currency = PointCurrencyFactory(expiry_policy="inactivity", expiry_months=3)
    post(70, occurred_on=add_months(today, -2), expires_on=None)
    ActivityFactory(member=mei, occurred_on=today - DAY, booked_on=today)

    calendar, home = page(f"/points/{currency.code}/expiring"), page("/")

    last = add_months(today - DAY, 3)
    assert f'datetime="{last}"' in calendar
    assert "Only if you do nothing until then." in calendar and "Only if you do nothing until then." in home
    assert "Unused points lapse after 3 months without any activity of the member." in calendar


def test_without_anything_to_lapse_the_calendar_says_so(page: Page) -> None:
    PointCurrencyFactory()

    assert "Nothing lapses in the next 12 months." in page("/points/points/expiring")


def test_what_inactivity_took_says_so(page: Page, post: Callable, mei: Member) -> None:
    PointCurrencyFactory(expiry_policy="inactivity", expiry_months=1)
    post(90, occurred_on=datetime.date(2026, 1, 9), expires_on=None)
    day = BusinessDate.objects.get().date
    BusinessDate.objects.update(status="closing")
    BusinessDate.objects.create(date=day + DAY)
    lapsing.lapse_inactive(as_of=day, first_member=mei.pk, last_member=mei.pk, actor=Actor.job("test"))

    text = page("/points/points/2")

    assert "earned on 9 January 2026, and for 1 month nothing had happened on your accounts." in text


def test_the_history_goes_on_where_a_page_ended_without_a_gap(page: Page, post: Callable, today: datetime.date) -> None:
    for number in range(1, 31):
        post(number, occurred_on=today - number // 3 * DAY)

    first = page("/points")
    more = first.partition('href="?after=')[2].partition('"')[0]
    rest = page(f"/points?after={more}")

    shown = [line.partition("<")[0] for text in (first, rest) for line in text.split('class="moved credit">+')[1:]]
    assert sorted(map(int, shown)) == list(range(1, 31))
    assert "?after=" not in rest.partition("<main")[2]


def test_htmx_gets_the_lines_alone(client: Client, page: Page, post: Callable, today: datetime.date) -> None:
    for _ in range(26):
        post(5)
    more = page("/points").partition('href="?after=')[2].partition('"')[0]

    text = client.get(f"/points?after={more}", headers={"hx-request": "true"}).content.decode()

    assert "<html" not in text
    assert 'data-arrived="1 more entry."' in text
    assert 'class="month"' not in text


def test_a_month_s_totals_count_the_whole_month(page: Page, post: Callable, today: datetime.date) -> None:
    first = today.replace(day=1)
    for _ in range(30):
        post(10, occurred_on=first)
    post(-40, occurred_on=first)

    assert "+300 · −40" in page("/points")


def test_nobody_else_s_entry_can_be_read(client: Client, page: Page, post: Callable) -> None:
    other = MemberFactory(user=UserFactory())
    answer = post(77, member=other)

    assert client.get(f"/points/points/{answer.number}").status_code == 404
    assert "77" not in page("/points").partition("<main")[2]


def test_a_lapsed_lot_is_not_shown_before_the_night_has_booked_it(
    page: Page, post: Callable, mei: Member, today: datetime.date
) -> None:
    post(100, occurred_on=today - 9 * DAY, expires_on=today - DAY)
    post(30)

    assert '<span class="figure">30</span>' in page("/points")


@pytest.mark.parametrize("after", ["x", "2026-13-01.1", "2026-01-01.x", "'", "2026-01-01.9e9"])
def test_a_mangled_place_begins_anew(page: Page, post: Callable, after: str) -> None:
    post(5)

    assert ">+5<" in page(f"/points?after={after}")


@pytest.mark.parametrize(("language", "word"), [("zh-CN", "2026年"), ("zh-HK", "2026年"), ("en", "2026")])
def test_pages_render_in_each_language(client: Client, page: Page, post: Callable, language: str, word: str) -> None:
    answer = post(1_234, occurred_on=datetime.date(2026, 1, 9))
    for address in ("/", "/points", "/points/points/expiring", f"/points/points/{answer.number}", "/tier", "/me"):
        assert client.get(address, headers={"accept-language": language}).status_code == 200

    text = client.get("/points", headers={"accept-language": language}).content.decode()
    assert "+1,234" in text
    assert word in text


def test_private_pages_are_never_kept(client: Client, page: Page) -> None:
    PointCurrencyFactory()

    for address in ("/", "/points", "/tier", "/me"):
        assert "no-store" in client.get(address)["Cache-Control"]


def test_home_takes_the_same_few_queries_however_long_the_history(
    client: Client, page: Page, post: Callable, mei: Member, django_assert_max_num_queries
) -> None:
    RuleBookFactory()
    version = EarningRuleVersionFactory()
    figures = {"per": "amount", "amount_minor": 9_000, "rate": "0.1"}
    for _ in range(40):
        post(9, rule_version_id=version.pk, figures=figures, kind=Kind.EARN)

    with django_assert_max_num_queries(13):  # each by a key, half of them small configuration
        page("/")


def test_a_lapsed_pending_lot_is_neither_pending_nor_available(
    page: Page, post: Callable, mei: Member, today: datetime.date
) -> None:
    post(100, expires_on=today + 9 * DAY, available_on=today + 5 * DAY)
    post(7)
    tomorrow, later = today + DAY, today + 10 * DAY
    purse = {"member_id": mei.pk, "currency_id": PointCurrencyFactory().pk, "until": today + 300 * DAY}

    now, expiring = summaries.purse(**purse, today=tomorrow)
    then, nothing = summaries.purse(**purse, today=later)

    assert (now, expiring) == (summaries.Balance(available=7, pending=100), {today + 9 * DAY: 100})
    assert (then, nothing) == (summaries.Balance(available=7), {})
    for day in (tomorrow, later):
        assert (
            summaries.balances(member_ids=[mei.pk], today=day)[mei.pk, purse["currency_id"]]
            == (now, then)[day == later]
        )


@pytest.fixture
def refunded(post: Callable, today: datetime.date) -> None:
    """Mei earned 48 points, spent 40 of them, and a third of her purchase was refunded: 16 were taken back, 8 are owed."""
    version = EarningRuleVersionFactory()
    earned = post(48, rule_version_id=version.pk, figures={"per": "amount", "amount_minor": 240_00, "rate": "0.2"})
    post(-40)
    figures = {"entry": earned.number, "earned": 48, "reversed_minor": 80_00, "of_minor": 240_00, "clawed_before": 0}
    post(-16, kind=Kind.CLAWBACK, rule_version_id=version.pk, figures=figures, cause="reversal/core/R1")


def test_a_refund_says_why_so_many_points_were_taken_back(page: Page, refunded: None) -> None:
    line = page("/points").partition("Points taken back")[2].partition("</a>")[0]
    text = page("/points/points/3")

    assert ("48 × ¥80.00 ÷ ¥240.00 = 16" in line, "−16" in line, "earned on" in line) == (True, True, True)
    assert "that share of the 48 points earned is taken back" in text
    assert 'href="/points/points/1"' in text
    assert "<dt>Spent already</dt><dd>8</dd>" in text


def test_what_is_owed_is_a_figure_of_its_own_until_it_is_paid(page: Page, post: Callable, refunded: None) -> None:
    owing = page("/"), page("/points")
    post(20)
    paid = page("/"), page("/points")

    assert ("Owed <b>8</b>" in owing[0], "<dt>Owed</dt><dd>8</dd>" in owing[1]) == (True, True)
    assert ["Owed" in text for text in paid] == [False, False]
    assert '<span class="figure">12</span>' in paid[1]


def test_the_app_reads_why_points_were_taken_back(client: Client, mei: Member, refunded: None) -> None:
    client.force_login(mei.user)

    newest = client.get("/api/v1/me/ledger-entries?limit=1").json()["data"][0]
    purses = client.get("/api/v1/me/balance").json()["purses"]

    assert (newest["kind"], newest["points"], newest["title"]) == ("clawback", -16, "Points taken back")
    assert newest["explanation"] == "48 × ¥80.00 ÷ ¥240.00 = 16"
    assert [purse["owed"] for purse in purses] == [8]


def test_a_write_off_is_named(page: Page, post: Callable, refunded: None) -> None:
    post(8, kind=Kind.ADJUST, cause="write-off/reversal/core/R1")

    assert "Written off by the bank" in page("/points/points/4")
