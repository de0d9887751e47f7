"""An app's code and refresh token serve once, and nothing is issued that an end has overtaken; beside the naive twins that fail."""

import dataclasses
import threading

from django.test import Client
from oauth2_provider.models import AccessToken, Grant, RefreshToken
from oauth2_provider.oauth2_validators import OAuth2Validator

from foundation import transactions
from foundation.access import grants
from foundation.access.issuing import Validator
from foundation.access.models import User
from foundation.actors import Actor
from foundation.jobs import clock
from tests.apps import Phone, app
from tests.factories import BankFactory, MemberFactory, UserFactory
from tests.races.test_night import at_once

AT_ONCE = 4
TEST = Actor.job("test")


@dataclasses.dataclass
class MeisPhone(Phone):
    """Her phone, and who she is."""

    user: User | None = None


def phone_of_mei() -> MeisPhone:
    """Return the phone of a member, with the bank's app on it, not connected yet."""
    BankFactory(business_date=clock.today())
    app()
    return MeisPhone(user=MemberFactory(user=UserFactory(username="mei")).user)


def meet_in(monkeypatch, where: type, together: threading.Barrier) -> None:
    """Let all who were found good wait for each other before anything is kept."""
    save = where._save_bearer_token

    def wait_then_save(self, token, request, *args, **kwargs):
        together.wait(timeout=60)
        return save(self, token, request, *args, **kwargs)

    monkeypatch.setattr(where, "_save_bearer_token", wait_then_save)


def renewals(phone: Phone) -> list[int]:
    """Bring one refresh token twice at once; return how each was answered."""
    return at_once(*[lambda: Phone().renew(phone.refresh).status_code] * 2)


def test_one_code_brought_at_once_gives_one_sign_in(committed, monkeypatch):
    phone = phone_of_mei()
    code = phone.ask(phone.user)["code"]
    meet_in(monkeypatch, Validator, threading.Barrier(AT_ONCE))

    answers = at_once(*[lambda: Phone(verifier=phone.verifier).exchange(code).status_code] * AT_ONCE)

    assert sorted(answers) == [200] + [400] * (AT_ONCE - 1)
    assert (AccessToken.objects.count(), RefreshToken.objects.count()) == (1, 1)


def test_one_code_brought_at_once_naively_gives_several(committed, monkeypatch):
    """The library finds the code good for each, keeps tokens for each, and then looks whether it was still there."""
    phone = phone_of_mei()
    code = phone.ask(phone.user)["code"]
    monkeypatch.setattr(Validator, "_save_bearer_token", OAuth2Validator._save_bearer_token)
    meet_in(monkeypatch, Validator, threading.Barrier(2))

    at_once(*[lambda: Phone(verifier=phone.verifier).exchange(code).status_code] * 2)

    assert (AccessToken.objects.count(), Grant.objects.count()) == (2, 1)


def test_one_refresh_token_brought_twice_at_once_ends_its_family(committed, monkeypatch):
    """G01: one of the two is no longer the app."""
    phone = phone_of_mei()
    phone.connect(phone.user)
    meet_in(monkeypatch, Validator, threading.Barrier(2))

    answers = renewals(phone)

    assert sorted(answers) == [200, 400]
    assert not AccessToken.objects.filter(user=phone.user).exists()
    assert not RefreshToken.objects.filter(revoked=None).exists()


def test_a_sign_in_that_everything_ends_under_is_ended_too(committed, monkeypatch):
    """G02: the code was found good, then everything ended, then its tokens were to be kept."""
    phone = phone_of_mei()
    user, code = phone.user, phone.ask(phone.user)["code"]
    found_good, ended = threading.Event(), threading.Event()
    save = Validator._save_bearer_token

    def wait_then_save(self, token, request, *args, **kwargs):
        found_good.set()
        ended.wait(timeout=60)
        return save(self, token, request, *args, **kwargs)

    def end():
        found_good.wait(timeout=60)
        transactions.commit(grants.revoke_all, user=user, at=clock.now(), actor=TEST)
        ended.set()

    monkeypatch.setattr(Validator, "_save_bearer_token", wait_then_save)
    status, _none = at_once(lambda: phone.exchange(code).status_code, end)

    assert status == 400
    assert not AccessToken.objects.exists()
    assert Client(headers={"authorization": "Bearer x"}).get("/api/v1/me").status_code == 401
