"""Random rules for a programme, as documents; and the shape of a ladder, to hold one against another."""

import datetime

MAY = datetime.date(2026, 5, 1)
# The bank's first business date, so that no window of these rules is longer than its history.
LONG_AGO = datetime.date(2020, 1, 1)
CALENDARS = ("nightly", "month_end", "quarter_end", "half_year_end", "year_end", "anniversary")
METRICS = (
    "growth_points", "average_assets", "transaction_count", "transaction_amount", "products_held", "tenure",
    "credit_grade", "cumulative_contribution",
)  # fmt: skip


def random_document(random, programme):
    """Return rules that reading takes: in each of one to three groups every tier asks for the same measures, higher ones for more."""
    codes = [tier.code for tier in programme.tiers.order_by("rank")][1:]
    downgrade = random.choice(("immediate", "grace", "never"))
    unit = random.choice(("days", "months"))
    document = {
        "calendar": random.choice(CALENDARS),
        "upgrades": random.choice(("nightly", "at_review")),
        "downgrade": downgrade,
        "down": random.choice(("one_step", "to_target")),
        "multipliers": {
            code: f"{random.randint(1, 4)}.{random.randint(1, 999):03}" for code in random.sample(codes, 2)
        },
        "validity_by_tier": {code: random.randint(1, 24) for code in random.sample(codes, random.randint(0, 2))},
        "conditions": [one for group in range(1, random.randint(2, 4)) for one in _group(random, group, codes)],
    }
    if random.random() < 0.4:
        document["conditions"].append(
            {"tier": random.choice(codes), "metric": "risk_grade", "excludes": True, "enter": random.randint(1, 5)}
        )
    if document["calendar"] == "anniversary":  # on which a membership year has just begun
        for one in document["conditions"]:
            one |= {"window": "12 months"} if one.get("window") == "membership year" else {}
    if random.random() < 0.7:
        document["validity_months"] = random.randint(1, 24)
    if downgrade == "grace":
        document["grace"] = f"{random.randint(0, 120)} {unit}"
        document["grace_by_tier"] = {
            code: f"{random.randint(0, 9)} {unit}" for code in random.sample(codes, random.randint(0, 2))
        }
    return document


def _group(random, number, codes):
    for metric in random.sample(METRICS, random.randint(1, 4)):
        quantity = {"metric": metric}
        if metric in ("growth_points", "cumulative_contribution"):
            quantity["currency"] = "growth"
        if metric in ("growth_points", "average_assets", "transaction_count", "transaction_amount"):
            length = f"{random.randint(1, 12)} {random.choice(('months', 'days'))}"
            quantity["window"] = random.choice((length, length, "year", "membership year"))
        if metric == "average_assets" and random.random() < 0.5:
            quantity["selection"] = ["deposit", "fund"]
        enter = random.randint(1, 50)
        for code in codes:
            keep = max(enter - random.randint(0, 9), 1)
            fraction = random.choice(("", ".5", ".25")) if metric in ("average_assets", "transaction_amount") else ""
            yield {
                "tier": code,
                "group": number,
                **quantity,
                "enter": f"{enter}{fraction}" if fraction else enter,
                **({} if random.random() < 0.3 else {"keep": keep}),
            }
            enter += random.randint(50, 100)


def shape(ladder):
    """Return everything that a ladder says, comparable."""
    book = ladder.rule_book
    fields = (
        "calendar", "upgrades_nightly", "validity_months", "downgrade", "one_step", "grace_unit", "grace_length",
    )  # fmt: skip
    return {
        "book": {name: getattr(book, name) for name in fields},
        "terms": [(one.tier.code, one.multiplier, one.validity_months, one.grace_length) for one in ladder.terms],
        "conditions": sorted(
            (
                one.tier.code, one.excludes, one.group, str(one.metric), one.window, one.window_length or 0,
                one.series.currency.code if one.series and one.series.currency else "",
                tuple(one.series.selection) if one.series else (), one.enter_minimum, one.keep_minimum,
            )
            for one in ladder.conditions
        ),
    }  # fmt: skip
