"""A person in clear and the relationship managers in a real browser: masked again by itself, accessible, within the policy."""

from playwright.sync_api import Browser, expect

from foundation.audit.models import AuditEvent
from members.models import Member
from membership_site.seeding import secret_of
from tests.browser.visiting import open_page, sign_in, violations


def test_a_person_in_clear_is_masked_again_after_a_minute_by_itself(
    chromium: Browser, site: str, demo_bank: None
) -> None:
    member = Member.objects.filter(branch__code="101").order_by("number")[2]
    page, complaints = open_page(chromium, site, width=390)
    page.clock.install()
    sign_in(page, "supervisor", password=secret_of("supervisor"), then="/console/")
    page.goto(f"/console/members/member/{member.pk}/")

    page.get_by_role("link", name="Show in clear").click()
    page.get_by_label("reason").fill("He called about his card")
    wrong = violations(page)
    page.get_by_role("button", name="Show in clear").click()
    page.wait_for_url("**/reveal/*/")
    wrong += violations(page)
    told = page.get_by_role("timer").inner_text()
    page.clock.run_for(61_000)

    page.wait_for_url(f"**/console/members/member/{member.pk}/", wait_until="commit")
    expect(page.get_by_role("link", name="Show in clear")).to_be_visible()
    assert AuditEvent.objects.filter(verb="members.reveal", subject_id=str(member.pk)).exists()
    assert told.startswith("Seconds until it is masked again:")
    assert wrong == []
    assert complaints == []


def test_the_branch_manager_s_pages_are_accessible_on_a_phone(chromium: Browser, site: str, demo_bank: None) -> None:
    member = Member.objects.filter(branch__code="101").order_by("number")[2]
    page, complaints = open_page(chromium, site, language="zh-hant", width=390)
    sign_in(page, "supervisor", password=secret_of("supervisor"), then="/console/")
    found, too_wide = {}, {}

    for path in (
        "/console/access/",
        "/console/access/staffposting/ask/",
        "/console/members/care/",
        "/console/members/care/assign/",
        "/console/members/care/hand-over/",
        f"/console/members/member/{member.pk}/manager/",
        f"/console/members/member/{member.pk}/?tab=status",
        f"/console/members/member/{member.pk}/status/suspend/",
        "/console/members/invitations/",
    ):
        assert page.goto(path).status == 200, path
        if wrong := violations(page):
            found[path] = wrong
        if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            too_wide[path] = overflow

    assert (found, too_wide, complaints) == ({}, {}, [])
