"""A draft as a form: what is shown and sent back unchanged is the same document, and complaints stand at their fields."""

import random

import pytest
from django.http import QueryDict
from django.utils import translation

from points.models import PointCurrency
from tests.factories import (
    AccountFactory,
    ActivityFactory,
    BankFactory,
    MemberFactory,
    PointCurrencyFactory,
    ProgrammeFactory,
    SeriesFactory,
)
from tests.tiers.ladders import LONG_AGO, MAY, random_document
from tests.tiers.rules import ASSETS, FIRST, GROWTH, changed
from tiers import choosing, complaining, documents, forming, reading

pytestmark = pytest.mark.django_db
CODES = {"classes": [("deposit", "deposit"), ("fund", "fund")], "kinds": [("card_spend", "card payment")]}


@pytest.fixture
def programme():
    BankFactory(first_business_date=LONG_AGO)
    PointCurrencyFactory(growth=True)
    return ProgrammeFactory()


def laid_out(document, tiers, errors=None):
    return forming.laid_out(
        document, tiers=tiers, currencies=list(PointCurrency.objects.all()), errors=errors or {}, codes=CODES
    )


def sent(form):
    """Return what a browser sends of the form as it stands."""
    fields = [*form.general, *(field for step in form.steps for field in step.fields)]
    posted = {}
    for step in form.steps:
        for way in step.ways:
            for row in way.rows:
                posted |= {f"c-{row.index}-tier": step.tier.code, f"c-{row.index}-group": str(way.number)}
                fields += row.fields
                posted |= {picks.name: [code for code, _word, picked in picks.codes if picked] for picks in row.picks}
        for row in step.exclusions:
            posted |= {f"c-{row.index}-tier": step.tier.code, f"c-{row.index}-metric": "risk_grade"}
            fields += row.fields
    for field in [*fields, *(one.unit for one in fields if one.unit)]:
        offered = [str(value) for value, _label in field.options]
        posted[field.name] = field.value if not offered or field.value in offered else offered[0]
    return posted


@pytest.mark.parametrize("seed", range(30))
def test_a_form_sent_back_as_it_stands_is_the_document(programme, seed):
    tiers = list(programme.tiers.order_by("rank"))
    ladder = reading.ladder_of(
        document=random_document(random.Random(seed), programme), programme=programme, in_force_from=MAY
    )
    document = documents.document_of(ladder)

    back = forming.typed(sent(laid_out(document, tiers)), tiers=tiers)

    again = reading.ladder_of(document=back, programme=programme, in_force_from=MAY)
    assert documents.document_of(again) == document
    assert forming.typed(sent(laid_out(back, tiers)), tiers=tiers) == back


def test_what_is_typed_is_kept_as_it_is_and_numbers_are_read_as_people_write_them(programme):
    tiers = list(programme.tiers.order_by("rank"))
    posted = sent(laid_out(FIRST, tiers)) | {
        "c-0-enter": " 2，500 ",
        "c-1-enter": "50,000.50",
        "c-2-enter": "many",
        "validity_months": "",
    }

    document = forming.typed(posted, tiers=tiers)

    assert [one["enter"] for one in document["conditions"]] == [2500, "50000.50", "many", 200000]
    assert "validity_months" not in document
    assert laid_out(document, tiers).steps[2].ways[0].rows[0].fields[3].value == "many"


def narrowed(programme, **posted):
    """Return the selection of the first condition of a posted form about assets, and the form that shows it."""
    tiers = list(programme.tiers.order_by("rank"))
    asked = {"c-0-tier": "silver", "c-0-group": "1", "c-0-metric": "average_assets", "c-0-enter": "5"} | posted
    sent_by_browser = QueryDict(mutable=True)
    for name, value in asked.items():
        sent_by_browser.setlist(name, value if isinstance(value, list) else [value])
    document = forming.typed(sent_by_browser, tiers=tiers)
    row = laid_out(document, tiers).steps[1].ways[0].rows[0]
    return document["conditions"][0].get("selection"), row


def test_what_a_condition_is_narrowed_to_is_picked_and_what_is_not_listed_typed(programme):
    selection, row = narrowed(
        programme,
        **{
            "c-0-picked-classes": ["deposit", "fund"],
            "c-0-picked-kinds": ["card_spend"],
            "c-0-selection": "gold，fund",
        },
    )

    assert selection == ["deposit", "fund", "gold"]
    [classes, kinds] = row.picks
    assert classes.codes == [("deposit", "deposit", True), ("fund", "fund", True)]
    assert (classes.values, classes.picked, kinds.picked) == ("average_assets", 2, 0)
    assert [field.value for field in row.fields if field.name == "c-0-selection"] == ["gold"]


def test_what_another_metric_was_narrowed_to_does_not_count(programme):
    selection, row = narrowed(programme, **{"c-0-metric": "transaction_count", "c-0-picked-classes": ["deposit"]})

    assert selection is None
    assert [picks.picked for picks in row.picks] == [0, 0]


def test_the_codes_are_those_of_the_banks_facts_and_rules(programme, django_assert_num_queries):
    member = MemberFactory()
    AccountFactory(member=member, account_class="wealth")
    ActivityFactory(member=member, kind="card_spend")
    SeriesFactory(metric="products_held", selection=["vault"])

    with django_assert_num_queries(2):
        found = choosing.codes()

    assert found == {
        "classes": [("wealth", "wealth")],
        "kinds": [("card_spend", "card payment")],
        "products": [("vault", "vault")],
    }


def test_what_does_not_apply_is_left_out(programme):
    tiers = list(programme.tiers.order_by("rank"))
    posted = sent(laid_out(FIRST, tiers)) | {"downgrade": "immediate", "c-0-metric": "tenure", "grace-gold": "3"}

    document = forming.typed(posted, tiers=tiers)

    assert document.keys() & {"grace", "grace_by_tier"} == set()
    assert document["conditions"][0].keys() == {"tier", "group", "metric", "enter", "keep"}


def test_a_forged_form_is_a_document_with_complaints_and_never_an_error(programme):
    tiers = list(programme.tiers.order_by("rank"))
    posted = {
        "c-7-tier": "emperor", "c-7-group": "-3", "c-7-metric": "luck", "c-9999-tier": "gold", "c-x-tier": "gold",
        "calendar": "x" * 9000, "grace_unit": "years", "downgrade": "grace", "grace": "1e9", "multiplier-gold": "NaN",
    }  # fmt: skip

    document = forming.typed(posted, tiers=tiers)

    with pytest.raises(reading.InvalidRuleBook):
        reading.ladder_of(document=document, programme=programme, in_force_from=MAY)
    assert len(document["conditions"]) == 2
    assert len(document["calendar"]) == forming.LONGEST
    assert laid_out(document, tiers).steps


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"conditions": []}, "tier-silver", "Silver has no condition, so nobody could reach it."),
        ({"validity_months": "soon"}, "validity_months", "Give a whole number from 1 to 1,200."),
        ({"validity_by_tier": {"gold": 0}}, "validity-gold", "Give a whole number from 1 to 1,200."),
        (
            {"grace_by_tier": {"gold": "9 days"}},
            "grace-gold",
            "Every grace period is in the unit of the general terms.",
        ),
        ({"grace": "soon months"}, "grace", "Give a length, such as 12 months or 90 days."),
        ({"multipliers": {"gold": 0}}, "multiplier-gold", "A multiplier is more than 0."),
        ({"multipliers": {"gold": "x"}}, "multiplier-gold", "Give a number up to 999, with 3 decimals at most."),
        ({"calendar": "fortnightly"}, "calendar", "Choose one of the list."),
        ({"wishes": 3}, "", "A term of these rules is not known."),
    ],
)
def test_a_complaint_stands_at_its_field(programme, change, field, sentence):
    assert sentence in complaints(programme, FIRST | change)[field]


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"metric": "luck"}, "c-0-metric", "Choose one of the list."),
        ({"enter": "many"}, "c-0-enter", "Give a whole number."),
        ({"keep": 9000}, "c-0-keep", "Keeping a tier can't ask for more than reaching it."),
        ({"window": "ever"}, "c-0-window", "Give a length, such as 12 months or 90 days."),
        ({"currency": "beads"}, "c-0-currency", "Choose which growth points count."),
        ({"group": 0}, "c-0", "Give a whole number from 1 to 100."),
        ({"enter": 7000, "keep": 7000}, "tier-gold", "Gold asks for less than Silver in group 1: growth points in the last 12 months."),
        (
            {"window": "6 months"}, "tier-gold",
            "Gold does not ask in group 1 for what Silver asks: growth points in the last 6 months.",
        ),
    ],
)  # fmt: skip
def test_a_complaint_of_a_condition_stands_at_its_field(programme, change, field, sentence):
    first, *others = FIRST["conditions"]

    assert sentence in complaints(programme, FIRST | {"conditions": [first | change, *others]})[field]


def test_the_same_twice_and_an_amount_are_said(programme):
    conditions = [*FIRST["conditions"], {"tier": "gold", **GROWTH, "enter": 6000}]
    assert complaints(programme, FIRST | {"conditions": conditions})["tier-gold"] == [
        "Gold asks for the same twice in group 1: growth points in the last 12 months."
    ]
    conditions = [{"tier": "silver", **ASSETS, "enter": "1.234"}]
    said = complaints(programme, FIRST | {"conditions": conditions})
    assert said["c-0-enter"] == ["Give an amount of money, such as 50000 or 0.01."]


def test_every_complaint_of_the_reader_is_said_in_chinese(programme):
    first, *others = FIRST["conditions"]
    documents_wrong = [
        FIRST | {"conditions": [], "validity_months": "x", "calendar": "x", "wishes": 1, "multipliers": {"gold": 0}},
        FIRST | {"conditions": [first | {"keep": 9999, "currency": "x"}, *others], "grace": "x"},
        FIRST | {"conditions": [first | {"window": "1 months"}, *others]},
        changed(9000),
    ]

    with translation.override("zh-hans"):
        said = [sentence for one in documents_wrong for of in complaints(programme, one).values() for sentence in of]

    assert len(said) >= 8
    assert [one for one in said if one.isascii()] == []


def complaints(programme, document):
    tiers = list(programme.tiers.order_by("rank"))
    with pytest.raises(reading.InvalidRuleBook) as refused:
        reading.ladder_of(document=document, programme=programme, in_force_from=MAY)
    return complaining.by_field(refused.value.complaints, tiers=tiers)
