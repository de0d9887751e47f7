"""Every page of the console: who may open it, what it costs, and that none of them changes anything."""

import datetime
import uuid

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from activity.models import Activity, Source
from foundation.access.models import Role
from foundation.jobs.models import BusinessDate, JobRun
from foundation.web.browsing import BrowseAdmin
from points import ledger
from points.models import Kind, PointCurrency
from tests.console.conftest import House, posted
from tests.factories import AccountFactory, MemberFactory, PointCurrencyFactory

EVERYBODY = set(Role)
STAFF = EVERYBODY - {Role.IT}
BANK = STAFF - {Role.PARTNER}
RUNS = {Role.PROGRAMME_MANAGER, Role.COMPLIANCE, Role.FINANCE, Role.IT, Role.AUDITOR}
OPEN_TO = {
    "access.branch": BANK,
    "access.staffposting": {Role.BRANCH_MANAGER, Role.COMPLIANCE, Role.IT, Role.AUDITOR},
    "activity.intake": RUNS,
    "approvals.request": BANK - {Role.RELATIONSHIP_MANAGER, Role.MARKETING, Role.ANALYST},
    "activity.parkedreversal": RUNS,
    "audit.auditevent": {Role.COMPLIANCE, Role.AUDITOR},
    "campaigns.earningrule": BANK,
    "campaigns.refusedclawback": RUNS,
    "importing.import": {
        Role.BRANCH_MANAGER,
        Role.PROGRAMME_MANAGER,
        Role.FINANCE,
        Role.COMPLIANCE,
        Role.AUDITOR,
    },
    "jobs.businessdate": EVERYBODY - {Role.PARTNER},
    "jobs.jobrun": RUNS,
    "members.member": {
        Role.TELLER,
        Role.RELATIONSHIP_MANAGER,
        Role.BRANCH_MANAGER,
        Role.CUSTOMER_SERVICE,
        Role.COMPLIANCE,
        Role.AUDITOR,
    },
    "members.memberfile": {
        Role.TELLER,
        Role.RELATIONSHIP_MANAGER,
        Role.BRANCH_MANAGER,
        Role.CUSTOMER_SERVICE,
        Role.COMPLIANCE,
        Role.AUDITOR,
    },
    "outbox.obligation": {Role.COMPLIANCE, Role.IT, Role.AUDITOR},
    "points.pointcurrency": STAFF,
    "privacy.certificate": {Role.COMPLIANCE, Role.AUDITOR},
    "privacy.destruction": {Role.COMPLIANCE, Role.AUDITOR},
    "tiers.draft": {Role.PROGRAMME_MANAGER, Role.COMPLIANCE, Role.AUDITOR},
    "tiers.programme": STAFF,
    "tiers.protection": {
        Role.TELLER,
        Role.RELATIONSHIP_MANAGER,
        Role.BRANCH_MANAGER,
        Role.CUSTOMER_SERVICE,
        Role.COMPLIANCE,
        Role.AUDITOR,
    },
    "tiers.rehearsal": {Role.PROGRAMME_MANAGER, Role.COMPLIANCE, Role.AUDITOR},
    "tiers.rulebook": BANK,
}


def queries_of(client: Client, path: str) -> int:
    """Return how many statements a page takes, sign-in's own included."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_a_role_opens_its_pages_and_is_refused_the_others(house: House, client: Client, role: Role) -> None:
    client.force_login(posted(role, house.head_office))

    answers = {
        model._meta.label_lower: client.get(
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        )
        for model in site._registry
    }

    assert {label: answer.status_code for label, answer in answers.items()} == {
        label: 200 if role in roles else 403 for label, roles in OPEN_TO.items()
    }
    menu = client.get("/console/").context["menu"]
    # The books' pages are no lists of models: tests/console/test_books.py opens them.
    doors = {item["url"] for _group, items in menu for item in items if "/books/" not in item["url"]}
    doors -= {
        "/console/",
        "/console/ledger/",
        "/console/enrol/",
        "/console/members/care/",
        "/console/members/doubles/",
        "/console/members/invitations/",
        "/console/access/",
        "/console/access/sign-ins/",
        reverse("admin:privacy_retention"),
        "/security/",
    }
    assert doors == {answer.request["PATH_INFO"] for answer in answers.values() if answer.status_code == 200}


def test_every_admin_is_ours_and_changes_nothing(house: House, compliance: Client) -> None:
    for model, model_admin in site._registry.items():
        assert isinstance(model_admin, BrowseAdmin), model
        assert model_admin.actions is None
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert compliance.post(path, {"action": "delete_selected", "_selected_action": "1"}).status_code == 403
        assert compliance.get(f"{path}add/").status_code == 404


def test_a_list_says_next_without_counting_and_skips_nobody(house: House, teller: Client) -> None:
    for number in range(120):
        MemberFactory(number=f"N{number:03}", branch=house.lujiazui)

    seen, path = [], "/console/members/member/"
    while path:
        with CaptureQueriesContext(connection) as captured:
            listed = teller.get(path).context["cl"]
        assert not [query for query in captured if "COUNT(" in query["sql"]]
        seen.append([member.number for member in listed.result_list])
        path = f"/console/members/member/{listed.next_url}" if listed.next_url else ""

    assert [len(page) for page in seen] == [50, 50, 21]
    assert [number for page in seen for number in page] == ["A-NEAR-1", *(f"N{number:03}" for number in range(120))]


def test_junk_in_an_address_filters_nothing_or_is_not_found(house: House, teller: Client) -> None:
    page = f"/console/members/member/{house.near.pk}/"

    lists = [
        teller.get("/console/members/member/", {name: value}).status_code
        for name in ("branch", "tier", "status")
        for value in ("\0", "%", "9" * 40, "x")
    ]
    cursors = [teller.get("/console/members/member/", {"after": value}).status_code for value in ("\0", "9" * 40, "x")]
    tabs = [teller.get(page, {"tab": "timeline", "after": value}).status_code for value in ("x", "WzEsIlx1MDAwMCJd")]
    rest = [teller.get(page, {"tab": "points", "before": "9" * 40, "currency": "\0"}).status_code]

    assert set(lists) == {200}
    assert set(cursors + tabs) == {404}
    assert rest == [200]


def test_a_list_takes_the_same_statements_for_one_member_and_fifty(house: House, teller: Client) -> None:
    one = queries_of(teller, "/console/members/member/")
    for number in range(50):
        MemberFactory(number=f"N{number:03}", branch=house.lujiazui)

    assert queries_of(teller, "/console/members/member/") == one <= 12


def test_the_home_takes_fourteen_statements_at_most_and_fewer_from_the_cache(house: House, compliance: Client) -> None:
    cold, warm = queries_of(compliance, "/console/"), queries_of(compliance, "/console/")

    assert cold <= 14
    assert warm <= 11


@pytest.mark.parametrize("tab", ["tier", "points", "timeline", "file", "accounts", "consents", "contacts"])
def test_a_member_page_takes_twenty_statements_at_most_with_ten_thousand_entries(
    house: House, teller: Client, tab: str
) -> None:
    path = f"/console/members/member/{house.near.pk}/?tab={tab}"
    AccountFactory(member=house.near)
    post_entries(house, 3)
    few = queries_of(teller, path)
    post_entries(house, 10_000)

    assert queries_of(teller, path) == few <= 20


def test_entries_page_back_to_the_first(house: House, teller: Client) -> None:
    post_entries(house, 60)
    path = f"/console/members/member/{house.near.pk}/?tab=points"

    first = teller.get(path).context
    second = teller.get(f"{path}&before={first['before']}").context
    third = teller.get(f"{path}&before={second['before']}").context

    numbers = [entry.number for page in (first, second, third) for entry in page["entries"]]
    assert numbers == list(range(60, 0, -1))
    assert third["before"] is None


def test_the_time_line_pages_over_activities_of_one_instant(house: House, teller: Client) -> None:
    source = Source.objects.create(code="core")
    at = datetime.datetime(2026, 3, 1, 4, tzinfo=datetime.UTC)
    Activity.objects.bulk_create(
        Activity(
            member_id=house.near.pk, source_id=source.pk, external_id=f"a{number:02}", kind="card_spend", currency="CNY",
            amount_minor=100, occurred_at=at, occurred_on=at.date(), booked_on=datetime.date(2026, 3, 2),
        )
        for number in range(60)
    )  # fmt: skip
    path = f"/console/members/member/{house.near.pk}/?tab=timeline"

    pages, after = [], ""
    while after is not None:
        context = teller.get(f"{path}&after={after}" if after else path).context
        pages.append([row.id.partition("/")[2] for row in context["happened"]])
        after = context["next_page"]

    assert [len(page) for page in pages] == [25, 25, 10]
    assert [number for page in pages for number in page] == [f"a{number:02}" for number in range(59, -1, -1)]


@pytest.mark.parametrize(("behind", "hour", "days_late"), [(0, 12, 0), (1, 5, 0), (1, 6, 1), (2, 1, 2)])
def test_a_night_is_late_from_six_in_the_morning(behind: int, hour: int, days_late: int) -> None:
    from membership_site.home import late

    at = datetime.datetime(2026, 3, 10, hour, tzinfo=datetime.UTC)
    dates = {"open": BusinessDate(date=at.date() - datetime.timedelta(days=behind), status="open")}

    assert late(dates, at=at) == days_late


def test_a_failed_run_and_late_dates_stand_on_the_home(house: House, compliance: Client) -> None:
    at = datetime.datetime(2026, 3, 2, 17, tzinfo=datetime.UTC)
    run = JobRun.objects.create(
        job="close_day",
        business_date=at.date(),
        status="failed",
        step="review",
        error="division by zero",
        started_at=at,
    )

    page = compliance.get("/console/").content.decode()

    assert "Night of 2 Mar 2026 failed in step tier review." in page
    assert f"/console/jobs/jobrun/{run.pk}/" in page
    assert "The close is late" in page
    assert "division by zero" in compliance.get(f"/console/jobs/jobrun/{run.pk}/").content.decode()


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_nobody_reads_a_page_without_its_permission_by_its_address(house: House, client: Client, role: Role) -> None:
    client.force_login(posted(role, house.head_office))

    statuses = {
        "member": client.get(f"/console/members/member/{house.near.pk}/").status_code,
        "search": client.post("/console/search/", {"text": "A-NEAR-1"}).status_code,
    }

    may = role in OPEN_TO["members.member"]
    assert statuses == ({"member": 200, "search": 302} if may else {"member": 403, "search": 403})


def post_entries(house: House, count: int, *, expires_on: datetime.date | None = datetime.date(2027, 3, 31)) -> None:
    """Let the near member earn `count` times by the ledger's one door."""
    currency = PointCurrency.objects.get(code="points")
    day = datetime.date(2026, 3, 1)
    ledger.post(
        [
            ledger.Posting(
                member_id=house.near.pk, currency_id=currency.pk, key=uuid.uuid4(), kind=Kind.EARN, points=1, occurred_on=day,
                expires_on=expires_on, cause="test",
            )
            for _number in range(count)
        ],
        actor=None,
    )  # fmt: skip


def test_a_point_currency_s_page_says_what_lapses_when(house: House, client: Client) -> None:
    client.force_login(posted(Role.PROGRAMME_MANAGER, house.head_office))
    currency = PointCurrency.objects.get(code="points")
    path = f"/console/points/pointcurrency/{currency.pk}/"
    none = queries_of(client, path)
    post_entries(house, 40, expires_on=None)

    page = client.get(path).content.decode()

    assert "Unused points lapse at the end of the month 12 months after the activity." in page
    assert "without a last day" in page.partition('<td class="number">40</td><td class="number">40</td>')[0]
    assert queries_of(client, path) == none <= 12


def test_growth_points_have_no_forecast(house: House, client: Client) -> None:
    client.force_login(posted(Role.PROGRAMME_MANAGER, house.head_office))
    growth = PointCurrencyFactory(growth=True)

    page = client.get(f"/console/points/pointcurrency/{growth.pk}/").content.decode()

    assert "Growth points never lapse." in page
    assert "What lapses when" not in page
