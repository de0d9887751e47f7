"""Passkeys and the pages of one's own sign-in in a real browser with an authenticator of its own (WebAuthn by CDP)."""

import itertools

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser, Page, expect

from foundation.access.models import User
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from members import verifying
from members.models import OneTimeCode
from membership_site.seeding import secret_of
from tests.browser.visiting import open_page, sign_in, violations
from tests.signing_in import code_for

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def named(site: str, demo_bank: None) -> str:
    """The site by its name: a browser takes no passkey for an address of numbers."""
    return site.replace("127.0.0.1", "localhost")


def with_authenticator(page: Page) -> None:
    """Give the browser an authenticator that says yes to everything."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def confirm_by_code(page: Page) -> None:
    """Let a code be sent to the member who is asked for a proof, and type it."""
    page.get_by_role("button", name="Send a code").click()
    page.get_by_label("Code").fill(verifying.secret_of(OneTimeCode.objects.latest("sent_at")))
    page.get_by_role("button", name="Confirm").click()


def test_a_member_makes_a_passkey_and_signs_in_by_it(chromium: Browser, named: str, settings) -> None:
    settings.NEW_DEVICE_HOURS = 24
    page, complaints = open_page(chromium, named, width=390)
    with_authenticator(page)
    sign_in(page, "member1", password=secret_of("member1"), then="/")

    page.goto("/me")
    page.get_by_role("link", name="Sign-in and devices").click()
    page.get_by_role("link", name="Add a passkey").click()
    confirm_by_code(page)
    page.get_by_label("Name").fill("my phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    wrong = violations(page)
    page.goto("/security/")
    expect(page.get_by_text("my phone")).to_be_visible()
    page.goto("/accounts/logout/")
    page.locator("main button[type=submit]").first.click()
    page.goto("/accounts/login/?next=/points")
    wrong += violations(page)
    page.get_by_role("button", name="Sign in with a passkey").click()

    page.wait_for_url(f"{named}/points")
    # A passkey is a proof by itself: points can be used at once.
    page.goto("/points/reward/use")
    assert page.url == f"{named}/points/reward/use"
    assert AuditEvent.objects.get(verb="access.add_factor").new == {"factor": "webauthn"}
    assert Authenticator.objects.get(type="webauthn").last_used_at is not None
    assert wrong == []
    assert complaints == []


def test_staff_sign_in_by_password_and_passkey_and_by_the_passkey_alone(chromium: Browser, named: str) -> None:
    page, complaints = open_page(chromium, named)
    with_authenticator(page)
    sign_in(page, "teller", password=secret_of("teller"), then="/console/")

    page.get_by_role("link", name="Sign-in and devices").click()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have written them down").click()
    page.goto("/accounts/logout/")
    page.locator("main button[type=submit]").first.click()
    page.goto("/accounts/login/")
    page.fill("[name=login]", "teller")
    page.fill("[name=password]", secret_of("teller"))
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/accounts/2fa/")
    wrong = violations(page)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{named}/console/")
    page.goto("/accounts/logout/")
    page.locator("main button[type=submit]").first.click()
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()

    page.wait_for_url(f"{named}/console/")
    assert wrong == []
    assert complaints == []


def test_a_browser_that_has_no_passkey_says_so_and_the_password_still_works(chromium: Browser, named: str) -> None:
    page, _complaints = open_page(chromium, named)
    page.goto("/accounts/login/")
    page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new DOMException('', 'NotAllowedError')) }")

    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_role("alert")).to_contain_text("The passkey was not used")
    sign_in(page, "member1", password=secret_of("member1"), then="/")


def test_under_an_address_of_numbers_the_page_says_where_passkeys_work(
    chromium: Browser, site: str, named: str
) -> None:
    page, complaints = open_page(chromium, site)

    page.goto("/accounts/login/?next=/points")

    assert (
        page.get_by_role("link", name=f"Go on at {named}").get_attribute("href")
        == f"{named}/accounts/login/?next=/points"
    )
    assert complaints == []


def test_every_page_of_one_s_sign_in_is_accessible_in_every_language(chromium: Browser, named: str, settings) -> None:
    settings.NEW_DEVICE_HOURS = 24
    found, too_wide, said = {}, {}, []

    def look(page: Page, *where: object) -> None:
        if wrong := violations(page):
            found[where] = wrong
        if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            too_wide[where] = overflow

    for language, width in itertools.product(("en", "zh-hans", "zh-hant"), (390, 1280)):
        OneTimeCode.objects.all().delete()
        page, complaints = open_page(chromium, named, language=language, width=width)
        sign_in(page, "member1", password=secret_of("member1"), then="/")
        page.goto("/security/confirm/?next=/security/")
        look(page, language, width, "confirm")
        page.locator("button[name=send]").click()
        look(page, language, width, "confirm code")
        page.locator("[name=code]").fill(verifying.secret_of(OneTimeCode.objects.latest("sent_at")))
        page.locator("[name=code]").press("Enter")
        page.wait_for_url(f"{named}/security/")
        for path in ("", "app/", "passkeys/add/", "password/", "contact/", "recovery-codes/"):
            page.goto(f"/security/{path}")
            look(page, language, width, path)
        page.goto("/security/contact/")
        page.fill("[name=contact]", "10099990000")
        page.press("[name=contact]", "Enter")
        page.wait_for_url("**/security/contact/code/")
        look(page, language, width, "contact code")
        said += complaints
        page.context.close()
    assert (found, too_wide, said) == ({}, {}, [])


def test_staff_set_up_their_app_before_anything_else_on_a_phone(chromium: Browser, named: str) -> None:
    Authenticator.objects.filter(user__username="teller").delete()
    page, complaints = open_page(chromium, named, width=390, language="zh-hant")
    page.goto("/accounts/login/?next=/console/")
    page.fill("[name=login]", "teller")
    page.fill("[name=password]", secret_of("teller"))
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/security/begin/**")
    wrong = violations(page)
    page.locator("main a.button").first.click()
    wrong += violations(page)
    secret = page.locator(".reference").inner_text().replace(" ", "")
    page.fill("[name=code]", code_of(secret))
    page.press("[name=code]", "Enter")
    expect(page.locator(".codes li")).to_have_count(10)
    wrong += violations(page)
    page.locator("main a.button").click()

    page.wait_for_url(f"{named}/console/")
    assert code_for("teller")
    assert User.objects.get(username="teller").session_epoch == 1
    assert (wrong, complaints) == ([], [])


def code_of(secret: str) -> str:
    """Return what an app shows now that was given this secret."""
    return format_hotp_value(hotp_value(secret, int(clock.now().timestamp()) // 30))
