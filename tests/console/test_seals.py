"""The business dates in the console, each with its seal."""

from django.test import Client

from foundation.jobs.models import BusinessDate
from points.models import Seal
from tests.console.conftest import House
from tests.points.cast import close_with_seal


def test_a_sealed_date_shows_the_beginning_of_its_digest(house: House, compliance: Client) -> None:
    today = BusinessDate.objects.get(status="open").date
    close_with_seal(today)

    page = compliance.get("/console/jobs/businessdate/").content.decode()

    assert f"✓ {Seal.objects.get().digest[:12]}" in page
    assert page.count("✓") == 1
