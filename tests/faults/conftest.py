"""A server of its own for a test that kills it or cuts it off from its database."""

from collections.abc import Iterator

import pytest
from django.db import connections

from tests.api.conftest import system, token
from tests.lines import Site, serving
from tests.points.cast import asked, open_bank
from tests.races.test_posting import commit


@pytest.fixture
def site(committed, tmp_path) -> Iterator[Site]:
    """A server of its own behind a line that can be cut; a member with 100 points, and a partner's token."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    bearer = token(system("redemptions:write")).json()["access_token"]
    connections.close_all()
    with serving(committed, tmp_path / "site.log") as site:
        site.member, site.bearer = wang.number, bearer
        yield site
