"""Errands to owe and to relay."""

from collections.abc import Iterator

import pytest

from foundation.outbox import subscribing
from tests.outbox.errands import TOPIC, Errands


@pytest.fixture
def errands(monkeypatch) -> Iterator[Errands]:
    """The one subscription of this test."""
    handler = Errands()
    monkeypatch.setattr(subscribing, "_handlers", {TOPIC: handler})
    yield handler
