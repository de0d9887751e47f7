"""The staff console in a real browser: nothing wrong for axe, nothing refused by the policy, and all of it by keyboard."""

import re

from playwright.sync_api import Browser, expect

from books.models import DailyBalance
from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock
from members.models import Member
from membership_site.seeding import secret_of
from points.models import Entry, PointCurrency
from tests.browser.visiting import open_page, sign_in, violations
from tests.factories import StaffFactory
from tiers import rehearsing
from tiers.models import Rehearsal, RuleBook

PAGES = (
    "/console/",
    "/console/approvals/request/",
    "/console/members/member/",
    "/console/members/memberfile/",
    "/console/access/branch/",
    "/console/access/staffposting/",
    "/console/tiers/programme/",
    "/console/tiers/rulebook/",
    "/console/tiers/protection/",
    "/console/tiers/draft/",
    "/console/tiers/rehearsal/",
    "/console/campaigns/earningrule/",
    "/console/ledger/",
    "/console/points/pointcurrency/",
    "/console/jobs/jobrun/",
    "/console/jobs/businessdate/",
    "/console/importing/import/",
    "/console/activity/intake/",
    "/console/outbox/obligation/",
    "/console/activity/parkedreversal/",
    "/console/campaigns/refusedclawback/",
    "/console/audit/auditevent/",
    "/console/audit/auditevent/export/",
    "/console/access/",
    "/console/privacy/retention/",
    "/console/privacy/retention/hold/",
    "/console/privacy/destruction/",
    "/console/privacy/certificate/",
    "/console/books/liability/",
    "/console/books/days/",
    "/console/books/breakage/",
    "/console/books/reconciliation/",
)


def rehearsed(book: RuleBook) -> Rehearsal:
    """Rehearse a stored rule book over a month, and return that."""
    actor = Actor.job("test")
    asked = {"programme": book.programme, "rule_book": book, "months": 1, "actor": actor, "at": clock.now()}
    rehearsal = transactions.commit(rehearsing.start, **asked)
    rehearsing.go_on(rehearsal_id=rehearsal.pk)
    return rehearsal


def test_every_page_is_accessible_and_keeps_to_the_policy(chromium: Browser, site: str, demo_bank: None) -> None:
    member, book = Member.objects.order_by("number")[1], RuleBook.objects.earliest("id")
    tabs = [
        f"/console/members/member/{member.pk}/?tab={tab}"
        for tab in ("tier", "points", "timeline", "file", "accounts", "consents", "contacts", "family", "audit")
    ]
    day = f"/console/books/days/{DailyBalance.objects.latest('business_date').business_date}/"
    currency = f"/console/points/pointcurrency/{PointCurrency.objects.get(code='reward').pk}/"
    entry = Entry.objects.filter(member_id=member.pk).latest("number")
    purse = f"/console/ledger/{member.pk}/{entry.currency_id}/"
    rehearsal = rehearsed(book)
    explorer = (f"/console/ledger/?member={member.number}", purse, f"{purse}{entry.number}/", f"{purse}statement/")
    kinds = (
        "/console/",
        "/console/members/member/",
        f"/console/members/member/{member.pk}/data/",
        *tabs,
        *explorer,
        f"/console/tiers/rulebook/{book.pk}/",
        f"/console/tiers/rehearsal/{rehearsal.pk}/",
        currency,
        day,
    )
    found, too_wide = {}, {}
    # Every page once at the desk's width; on the phone and in the other languages those that differ in kind.
    for language, width, paths in (
        ("en", 1280, (*PAGES, *kinds)),
        ("zh-hant", 390, kinds),
        ("zh-hans", 390, kinds[:3]),
    ):
        page, complaints = open_page(chromium, site, language=language, width=width)
        sign_in(page, "compliance", password=secret_of("compliance"), then="/console/")
        for path in dict.fromkeys(paths):
            assert page.goto(path).status == 200, path
            if wrong := violations(page):
                found[language, path] = wrong
            if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                too_wide[language, path] = overflow
        page.context.close()

        assert complaints == [], language
    page, complaints = open_page(chromium, site)
    sign_in(page, StaffFactory(is_superuser=True).username, then="/console/")
    page.goto("/console/access/staffposting/post/")
    page.get_by_role("button", name="Post staff").click()
    assert page.get_by_role("alert").count() >= 2

    assert violations(page) == []
    assert complaints == []
    assert found == {}
    assert too_wide == {}


def test_a_teller_finds_a_member_and_the_reason_of_his_points_by_keyboard_alone(
    chromium: Browser, site: str, demo_bank: None
) -> None:
    member = Member.objects.filter(branch__code="101").earliest("number")
    page, complaints = open_page(chromium, site)
    sign_in(page, "teller", password=secret_of("teller"), then="/console/")

    page.keyboard.press("/")
    page.keyboard.type(member.number)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/members/member/{member.pk}/")
    focused = ""
    for _tab in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent.trim()")
        if focused == "Points":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**?tab=points")

    expect(page.get_by_role("region", name="Entries")).to_contain_text(re.compile(r"¥[\d.,]+ × 0\.\d+"))
    assert complaints == []
