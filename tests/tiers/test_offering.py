"""Templates: each is read by the reader of all rules, fits any ladder, and is told in every language."""

import json

import pytest
from django.conf import settings

from foundation.approvals.digesting import digest_of
from tests.factories import BankFactory, PointCurrencyFactory, ProgrammeFactory
from tests.tiers.ladders import LONG_AGO, MAY, shape
from tiers import documents, offering, reading, telling
from tiers.models import RuleBook

pytestmark = pytest.mark.django_db
CODES = ["asset_average", "half_yearly", "rolling_growth", "calendar_year", "anniversary"]


@pytest.fixture
def bank():
    BankFactory(first_business_date=LONG_AGO)
    PointCurrencyFactory(growth=True)


def ladder_of(template, programme):
    return reading.ladder_of(
        document=offering.fitted(template, programme=programme), programme=programme, in_force_from=MAY
    )


def test_five_templates_are_offered_with_names_and_descriptions_in_every_language():
    assert [one.code for one in offering.templates()] == CODES
    languages = {code for code, _name in settings.LANGUAGES}
    for one in offering.templates():
        assert one.names.keys() == one.descriptions.keys() == languages
        assert all(len(text) > 1 for text in (*one.names.values(), *one.descriptions.values()))


@pytest.mark.parametrize("template", offering.templates(), ids=CODES)
@pytest.mark.parametrize(
    "tiers", [["standard", "silver", "gold", "platinum", "diamond"], ["none", "lower", "upper"]], ids=len
)
def test_a_template_is_read_and_told_whatever_the_ladder(bank, template, tiers):
    ladder = ladder_of(template, ProgrammeFactory(tiers=tiers))

    assert [tier.code for tier in ladder.tiers] == tiers
    assert all(ladder.groups_of(tier) for tier in ladder.tiers[1:])
    for told in telling.in_each_language(ladder):
        assert all(tier.sentences for tier in told.tiers)
        assert told.lasting
    document = documents.document_of(ladder)
    assert digest_of(json.loads(json.dumps(document))) == digest_of(document)
    assert shape(
        reading.ladder_of(document=document, programme=ladder.rule_book.programme, in_force_from=MAY)
    ) == shape(ladder)


def test_the_templates_say_what_banks_know(bank):
    programme = ProgrammeFactory(tiers=list(offering.LADDER))
    ladders = {one.code: ladder_of(one, programme) for one in offering.templates()}
    books = {code: ladder.rule_book for code, ladder in ladders.items()}
    buffers = ladders["half_yearly"]

    assert {code: book.calendar for code, book in books.items()} == dict(
        zip(CODES, ["month_end", "half_year_end", "nightly", "year_end", "anniversary"], strict=True)
    )
    assert (books["asset_average"].validity_months, ladders["asset_average"].graces[1:]) == (12, [3] * 4)
    assert (buffers.graces, buffers.rule_book.grace_unit) == ([6, 6, 12, 24, 24], "months")
    assert (buffers.rule_book.upgrades_nightly, buffers.rule_book.one_step) == (True, True)
    assert {one.window_length for one in ladders["rolling_growth"].conditions} == {12}
    assert books["anniversary"].downgrade == RuleBook.Downgrade.GRACE
