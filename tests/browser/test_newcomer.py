"""A newcomer in a real browser: from the sign-up page to the first points, by keyboard; every page looked at by axe."""

import itertools
import json
import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.outbox import relaying
from members.models import Enrolment, Member
from membership_site.seeding import SYSTEM_CLIENT, secret_of
from tests.browser.test_portal import SMALLEST_TARGET, tab_to
from tests.browser.visiting import open_page, sign_in, violations
from tests.factories import ConsentTextFactory

MOST_SCREENS = 8
MOST_SECONDS = 300
PHONE = "10088880001"


@pytest.fixture
def messages(demo_bank: None, settings, tmp_path: Path) -> Callable[[], str]:
    """Return a way to let the outbox send, and read the text of the last code or link."""
    settings.MESSAGES_FILE = str(tmp_path / "messages.jsonl")

    def last() -> str:
        relaying.relay(at=clock.now(), actor=Actor.job("test"))
        sent = [json.loads(line) for line in Path(settings.MESSAGES_FILE).read_text().splitlines()]
        return [message["text"] for message in sent if message["key"].startswith("code/")][-1]

    return last


def code_in(text: str) -> str:
    return re.search(r"\d{6}", text)[0]


def pay_by_card(page: Page, site: str, member: Member) -> None:
    """Let the core bank report a card payment of ¥240.00 by the API, as it happens."""
    credentials = {"grant_type": "client_credentials", "client_id": SYSTEM_CLIENT}
    token = page.request.post(
        f"{site}/oauth/token", form=credentials | {"client_secret": secret_of(SYSTEM_CLIENT)}
    ).json()["access_token"]
    activity = {"source": "core", "externalId": str(uuid.uuid4()), "member": member.number, "kind": "card_spend"}
    activity |= {"direction": "debit", "amount": {"amount": "240.00", "currency": "CNY"}}
    activity |= {"occurredAt": clock.now().isoformat()}
    answer = page.request.post(
        f"{site}/api/v1/activities:batch",
        data={"activities": [activity]},
        headers={"authorization": f"Bearer {token}", "idempotency-key": "first-payment"},
    )
    assert answer.ok, answer.text()


def test_a_newcomer_has_his_first_points_within_eight_screens_by_keyboard(
    chromium: Browser, site: str, messages: Callable[[], str]
) -> None:
    page, complaints = open_page(chromium, site, width=390)
    screens: list[str] = []
    page.on("framenavigated", lambda frame: screens.append(frame.url))
    began = time.monotonic()

    page.goto("/join")
    tab_to(page, "[name=full_name]")
    page.keyboard.type("Grace Hartley")
    tab_to(page, "[name=phone]")
    page.keyboard.type(PHONE)
    page.keyboard.press("Enter")
    page.wait_for_url("**/join/code")
    tab_to(page, "[name=code]")
    page.keyboard.type(code_in(messages()))
    page.keyboard.press("Enter")
    page.wait_for_url("**/join/agree")
    for purpose in ("terms", "privacy"):
        tab_to(page, f"[name={purpose}]")
        page.keyboard.press("Space")
    tab_to(page, "main button[type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/")
    expect(page.get_by_role("main")).to_contain_text("First steps")
    pay_by_card(page, site, Member.objects.get(enrolments__state="active"))
    page.reload()

    expect(page.locator(".tier-card .figure")).to_have_text("24")
    expect(page.get_by_role("main")).to_contain_text("Card spending")
    assert len(screens) <= MOST_SCREENS, screens
    assert time.monotonic() - began <= MOST_SECONDS
    assert complaints == []


def test_every_page_of_joining_is_accessible_and_keeps_to_the_policy(
    chromium: Browser, site: str, messages: Callable[[], str]
) -> None:
    found, too_wide, small = {}, {}, {}

    def look(page: Page, name: str, *where: object) -> None:
        if wrong := violations(page):
            found[*where, name] = wrong
        if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            too_wide[*where, name] = overflow
        targets = page.evaluate(
            "least => [...document.querySelectorAll('main a, main button, main summary, .tick')]"
            ".filter(one => one.checkVisibility()).map(one => [one.textContent, one.getBoundingClientRect().height])"
            ".filter(([text, height]) => height < least).map(([text]) => text.trim())",
            SMALLEST_TARGET,
        )
        if targets:
            small[*where, name] = targets

    walks = itertools.product(("en", "zh-hans", "zh-hant"), (390, 1280))
    for number, (language, width) in enumerate(walks):
        phone = f"1007777{number:04}"
        page, complaints = open_page(chromium, site, language=language, width=width)
        for path in ("/join", "/join/resume", "/accounts/code/"):
            page.goto(path)
            look(page, path, language, width)
        page.goto("/join")
        page.locator("main button[type=submit]").click()
        expect(page.get_by_role("alert")).to_have_count(2)
        look(page, "/join with faults", language, width)
        page.fill("[name=full_name]", "José Ámbar")
        page.fill("[name=phone]", phone)
        page.locator("main button[type=submit]").click()
        page.wait_for_url("**/join/code")
        look(page, "/join/code", language, width)
        page.fill("[name=code]", code_in(messages()))
        page.keyboard.press("Enter")
        page.wait_for_url("**/join/agree")
        page.locator("summary").first.click()
        page.locator("main button[type=submit]").click()
        look(page, "/join/agree with faults", language, width)
        for purpose in ("terms", "privacy"):
            page.check(f"[name={purpose}]")
        page.locator("main button[type=submit]").click()
        page.wait_for_url(f"{site}/")
        look(page, "/ of a newcomer", language, width)
        page.goto("/me/consents")
        page.locator("button[value=yes]").first.click()
        look(page, "/me/consents", language, width)
        page.context.close()

        assert complaints == [], (language, width)
    assert found == {}
    assert too_wide == {}
    assert small == {}


def test_a_member_comes_back_by_a_code_and_a_new_text_is_asked_first(
    chromium: Browser, site: str, messages: Callable[[], str]
) -> None:
    member = Member.objects.get(user__username="member1")
    other = Member.objects.joined().exclude(pk=member.pk).earliest("number")
    Member.objects.filter(pk=member.pk).update(user=None)
    Member.objects.filter(pk=other.pk).update(user=member.user, language="en")
    page, complaints = open_page(chromium, site, width=390)
    page.goto("/accounts/login/?next=/me")
    page.get_by_role("link", name="Sign in by a code").click()
    # The generated bank's phones are 100 and the member's place among all.
    page.fill("[name=contact]", f"100{int(other.number) - 88_000_001:08}")
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/code/enter")
    assert violations(page) == []
    page.fill("[name=code]", code_in(messages()))
    page.keyboard.press("Enter")
    page.wait_for_url("**/me")

    ConsentTextFactory(purpose="terms", version=2, in_force_from="2021-01-01")
    page.goto("/tier")
    page.wait_for_url("**/agree?next=%2Ftier")
    assert violations(page) == []
    page.check("[name=terms]")
    page.get_by_role("button", name="Agree and go on").click()
    page.wait_for_url("**/tier")

    assert complaints == []


def test_a_teller_begins_in_the_console(chromium: Browser, site: str, messages: Callable[[], str]) -> None:
    for language, width in (("en", 1280), ("zh-hans", 390)):
        page, complaints = open_page(chromium, site, language=language, width=width)
        sign_in(page, "teller", password=secret_of("teller"), then="/console/enrol/")
        page.fill("[name=full_name]", "Grace Hartley")
        page.fill("[name=phone]", f"1006666{width:04}")
        page.locator("main .button.strong").click()
        expect(page.get_by_role("main")).to_contain_text(Enrolment.objects.latest("started_at").reference)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        link = re.search(r"/join/link/\S+", messages())[0]
        page.context.close()

        phone, complaints_there = open_page(chromium, site, language=language, width=390)
        phone.goto(link)
        assert violations(phone) == []
        phone.locator("main button[type=submit]").click()
        phone.wait_for_url("**/join/agree")
        phone.context.close()
        assert [*complaints, *complaints_there] == []
