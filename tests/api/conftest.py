"""A bank with one member, an earning rule, and two systems: one reports activities, one reads members."""

import pytest
from django.test import Client

from foundation.access.models import SystemClient
from tests.factories import AccountFactory, BankFactory, EarningRuleVersionFactory, MemberFactory, PointCurrencyFactory

SECRET = "a-secret-of-the-system"


def system(*scopes: str) -> SystemClient:
    """Return a system client that may ask for `scopes`."""
    return SystemClient.objects.create(
        name=f"system {' '.join(scopes)}",
        client_type="confidential",
        authorization_grant_type="client-credentials",
        client_secret=SECRET,
        scopes=list(scopes),
    )


def token(client: SystemClient, **asked: str) -> dict:
    """Return the answer of the token's address for a client's credentials."""
    return Client().post(
        "/oauth/token",
        {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": SECRET, **asked},
    )


def bearing(client: SystemClient) -> Client:
    """Return a test client that bears a fresh token of a system client."""
    return Client(headers={"authorization": f"Bearer {token(client).json()['access_token']}"})


@pytest.fixture
def bank(db):
    """The bank: one member with an account, and a rule that gives a point for each unit of money."""
    bank = BankFactory()
    member = MemberFactory(number="M00000001")
    AccountFactory(member=member, number="A0000000001")
    EarningRuleVersionFactory(reward_currency=PointCurrencyFactory())
    return bank


@pytest.fixture
def reporter(bank) -> Client:
    return bearing(system("activities:write"))


@pytest.fixture
def reader(bank) -> Client:
    return bearing(system("members:read"))
