"""Two records of one person in a real browser: found, compared, asked for and decided, on a phone and a desk, nothing wrong for axe."""

import pytest
from django.db import transaction
from playwright.sync_api import Browser, expect

from members.models import Member, Merge
from members.sealing import open_person, seal_person
from membership_site.seeding import secret_of
from tests.browser.test_redeeming import member, seen  # noqa: F401
from tests.browser.visiting import open_page, sign_in


@pytest.fixture
def twin(member: Member) -> Member:  # noqa: F811
    """A second record of the richest member of the teller's branch."""
    with transaction.atomic():
        made = Member.objects.create(
            number="88999999", branch=member.branch, joined_on=member.joined_on, accepted_at=member.accepted_at
        )
        seal_person(made.pk, open_person(member.person)).save()
    return made


@pytest.mark.parametrize(("width", "language"), [(390, "zh-hant"), (1280, "en")])
def test_two_records_become_one(
    chromium: Browser,
    site: str,
    member: Member,  # noqa: F811
    twin: Member,
    width: int,
    language: str,
) -> None:
    """The twin stays, so that every lot moves."""
    page, complaints = open_page(chromium, site, width=width, language=language)
    sign_in(page, "teller", password=secret_of("teller"), then="/console/")
    page.goto("/console/members/doubles/")
    expect(page.get_by_text("88999999")).to_be_visible()
    seen(page)
    page.goto(f"/console/members/member/{twin.pk}/household/")
    seen(page)
    page.goto(f"/console/members/member/{twin.pk}/merge/")
    seen(page)
    page.goto(f"/console/members/doubles/{twin.pk}/{member.pk}/")
    seen(page)
    page.locator("#id_reason").fill("one person")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/approvals/request/**")
    seen(page)
    request = page.url

    boss, more = open_page(chromium, site, width=width, language=language)
    sign_in(boss, "supervisor", password=secret_of("supervisor"), then="/console/")
    boss.goto(request)
    boss.locator("form[action$='/approve/'] button").click()
    boss.wait_for_load_state()
    boss.goto(f"/console/members/member/{member.pk}/")
    seen(boss)
    boss.goto(f"/console/members/merges/{Merge.objects.get().pk}/undo/")
    seen(boss)
    boss.goto(f"/console/members/member/{twin.pk}/?tab=points")
    expect(boss.get_by_text(member.number).first).to_be_visible()
    seen(boss)
    assert complaints == more == []
