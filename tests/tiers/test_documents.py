"""Rule books as documents: written and read back, they are the same ladder, whatever the rules."""

import dataclasses
import random
from decimal import Decimal

import pytest

from tests.factories import BankFactory, PointCurrencyFactory, ProgrammeFactory
from tests.tiers.ladders import LONG_AGO, MAY, random_document, shape
from tiers import documents, reading
from tiers.compiling import load
from tiers.models import Condition, RuleBook, TierTerms

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    BankFactory(first_business_date=LONG_AGO)
    PointCurrencyFactory(growth=True)
    return ProgrammeFactory(tiers=["standard", "silver", "gold", "platinum", "diamond"])


@pytest.mark.parametrize("seed", range(60))
def test_a_document_of_a_ladder_reads_back_as_that_ladder(programme, seed):
    read = reading.ladder_of(
        document=random_document(random.Random(seed), programme), programme=programme, in_force_from=MAY
    )

    written = documents.document_of(read)
    again = reading.ladder_of(document=written, programme=programme, in_force_from=MAY)

    assert shape(again) == shape(read)
    assert documents.document_of(again) == written


def test_a_stored_version_is_written_as_it_stands(programme):
    read = reading.ladder_of(
        document=random_document(random.Random(7), programme), programme=programme, in_force_from=MAY
    )
    read.rule_book.created_at = "2026-05-01T00:00:00Z"
    read.rule_book.save()
    TierTerms.objects.bulk_create(read.terms)
    reading.share_series(read.conditions)
    Condition.objects.bulk_create(read.conditions)

    [stored] = load(RuleBook.objects.select_related("programme"))

    assert documents.document_of(stored) == documents.document_of(read)


@pytest.mark.parametrize(
    ("exact", "text"), [("1", 1), ("1.50", "1.5"), ("0.01", "0.01"), ("100", 100), ("0.125", "0.125")]
)
def test_fractions_are_texts_and_whole_numbers_numbers(exact, text):
    assert documents.written(Decimal(exact)) == text


def test_shape_tells_ladders_apart(programme):
    document = random_document(random.Random(1), programme)
    other = document | {"calendar": "quarter_end" if document["calendar"] != "quarter_end" else "nightly"}
    first, second = (
        reading.ladder_of(document=one, programme=programme, in_force_from=MAY) for one in (document, other)
    )

    assert shape(first) != shape(second)
    assert dataclasses.is_dataclass(first)
