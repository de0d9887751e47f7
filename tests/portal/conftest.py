"""A member who signs in, and a ledger to post him points into, on the database's own day."""

import datetime
import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from foundation.actors import Actor
from foundation.jobs import clock
from members.models import Member
from points import ledger, partitions
from points.models import Kind
from tests.factories import BankFactory, MemberFactory, PointCurrencyFactory, UserFactory

Post = Callable[..., ledger.Answer]


@pytest.fixture
def today(db: None) -> datetime.date:
    """The day on which a page is asked for: pages read the database's clock, so their tests do too."""
    return clock.today()


@pytest.fixture
def mei(today: datetime.date) -> Member:
    """A member of a bank whose open business date is today, with a sign-in of her own."""
    BankFactory(business_date=today)
    return MemberFactory(user=UserFactory(username="mei"))


@pytest.fixture
def page(client: Client, mei: Member) -> Callable[[str], str]:
    """Return a way to read one of her pages as text."""
    client.force_login(mei.user)

    def read(address: str) -> str:
        answer = client.get(address)
        assert answer.status_code == 200, address
        return answer.content.decode()

    return read


@pytest.fixture
def post(today: datetime.date, mei: Member) -> Post:
    """Return a way to post points to her: an earning without more, lasting a year."""

    def post_points(points: int, *, member: Member = mei, **details: object) -> ledger.Answer:
        currency = PointCurrencyFactory()
        details = {
            "kind": Kind.EARN if points > 0 else Kind.REDEEM,
            "occurred_on": today,
            "currency_id": currency.pk,
        } | details
        if points > 0:
            details.setdefault("expires_on", today + datetime.timedelta(days=365))
            partitions.ensure(first=details["expires_on"], last=details["expires_on"])
        [answer] = ledger.post(
            [ledger.Posting(member_id=member.pk, key=uuid.uuid4(), points=points, **details)], actor=Actor.job("test")
        )
        assert answer.outcome == "posted"
        return answer

    return post_points
