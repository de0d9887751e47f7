"""A bank with one member, an earning rule, and two systems: one reports activities, one reads members."""

import datetime
import uuid

import pytest
from django.test import Client

from foundation.access.models import SystemClient
from foundation.actors import Actor
from members.models import Member
from points import ledger, partitions
from points.models import Kind
from tests.factories import (
    FIRST_BUSINESS_DATE,
    AccountFactory,
    BankFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
)

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
    return Client(enforce_csrf_checks=True).post(
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
def partner(bank) -> Client:
    """A partner's shop that redeems for the bank's members by number; member M00000001 has 100 points until the end of 2099."""
    earn(Member.objects.get(number="M00000001"), 100)
    return bearing(system("redemptions:write"))


def earn(member: Member, points: int, *, expires_on: datetime.date = datetime.date(2099, 12, 31)) -> None:
    """Post an earning of points that last until `expires_on`."""
    partitions.ensure(first=expires_on, last=expires_on)
    posting = ledger.Posting(
        member_id=member.pk,
        currency_id=PointCurrencyFactory().pk,
        key=uuid.uuid4(),
        kind=Kind.EARN,
        points=points,
        occurred_on=FIRST_BUSINESS_DATE,
        expires_on=expires_on,
        cause=f"test/{uuid.uuid4()}",
    )
    ledger.post([posting], actor=Actor.job("test"))


def redeem(client: Client, points: object = 80, *, key: str | None = "key-1", member: str | None = "M00000001", **more):
    """Ask for a redemption under a key; `member` None: of the caller himself."""
    body = {"points": points, **({"member": member} if member else {}), **more}
    headers = {"idempotency-key": key} if key is not None else {}
    return client.post("/api/v1/redemptions", body, content_type="application/json", headers=headers)


def cancel(client: Client, redemption_id: str, *, key: str = "key-1", what: str = "cancel"):
    """Ask to cancel (or capture, or release) a redemption under a key, with no body, as `curl -X POST` does."""
    path = f"/api/v1/redemptions/{redemption_id}/{what}"
    return client.generic("POST", path, headers={"idempotency-key": key})


@pytest.fixture
def reader(bank) -> Client:
    return bearing(system("members:read"))
