"""Configuring a bank for the first time: version 1 of everything, only where nothing stands yet."""

import datetime
import json
from typing import Any

from django.db import models

from books.models import JournalAccount
from campaigns.models import EarningRule, EarningRuleVersion
from foundation.access.models import Branch
from foundation.actors import Actor
from foundation.audit import recording
from foundation.jobs.models import Bank, BusinessDate
from foundation.transactions import in_transaction
from members.models import ConsentText
from membership_site.reading_configuration import Configuration, ProgrammePlan, RulePlan, read
from points.models import PointCurrency
from tiers.models import Condition, Programme, RuleBook, Tier, TierTerms
from tiers.reading import share_series


@in_transaction
def configure(
    *,
    document: dict[str, Any],
    at: datetime.datetime,
    actor: Actor,
    first_business_date: datetime.date | None = None,
    dry_run: bool = False,
) -> dict[str, dict[str, list[str]]]:
    """Make what a TOML document (docs/configuration.md) asks for and the bank lacks; answer what was made, what kept.

    What exists is kept as it is, whatever the document says. `first_business_date` goes before the document's. Refuses
    with InvalidConfiguration, which lists every complaint. A dry run validates and answers alike, and writes nothing.
    """
    if first_business_date and isinstance(document.get("bank"), dict):
        document = document | {"bank": document["bank"] | {"first_business_date": first_business_date}}
    configuration = read(document)
    made, kept = _sift(configuration)
    if made and not dry_run:
        _make(configuration, made, at)
        asked = json.loads(json.dumps(document, default=str))
        recording.record(
            verb="configure",
            actor=actor,
            subject_kind="bank",
            subject_id=1,
            at=at,
            new={"made": made, "asked": asked},
            reason="bootstrap",
        )
    return {"made": made, "kept": kept}


def _sift(configuration: Configuration) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the codes that are to be made and those that exist, by kind, without empty kinds."""
    asked = {
        "bank": (
            {configuration.bank.name} if configuration.bank else set(),
            set(Bank.objects.values_list("name", flat=True)),
        ),
        "branches": ({branch.code for branch in configuration.branches}, _codes(Branch)),
        "currencies": ({currency.code for currency in configuration.currencies}, _codes(PointCurrency)),
        "programmes": ({plan.programme.code for plan in configuration.programmes}, _codes(Programme)),
        "earning_rules": ({plan.rule.code for plan in configuration.rules}, _codes(EarningRule)),
        "journal_accounts": (
            {account.code for account in configuration.accounts},
            {account.code for account in JournalAccount.objects.select_related("currency")},
        ),
        "consent_texts": (
            {text.code for text in configuration.consent_texts},
            {text.code for text in ConsentText.objects.all()},
        ),
    }
    if asked["bank"][1]:
        asked["bank"] = (asked["bank"][1], asked["bank"][1])
    made = {kind: sorted(codes - existing) for kind, (codes, existing) in asked.items() if codes - existing}
    kept = {kind: sorted(codes & existing) for kind, (codes, existing) in asked.items() if codes & existing}
    return made, kept


def _codes(model: type[models.Model]) -> set[str]:
    return set(model._default_manager.values_list("code", flat=True))


def _make(configuration: Configuration, made: dict[str, list[str]], at: datetime.datetime) -> None:
    if configuration.bank and "bank" in made:
        configuration.bank.save()
    if not BusinessDate.objects.exists():
        BusinessDate.objects.create(date=Bank.objects.get().first_business_date)
    _make_branches([branch for branch in configuration.branches if branch.code in made.get("branches", ())])
    PointCurrency.objects.bulk_create(
        currency for currency in configuration.currencies if currency.code in made.get("currencies", ())
    )
    _make_programmes(
        [plan for plan in configuration.programmes if plan.programme.code in made.get("programmes", ())], at
    )
    _make_rules([plan for plan in configuration.rules if plan.rule.code in made.get("earning_rules", ())], at)
    JournalAccount.objects.bulk_create(
        account for account in configuration.accounts if account.code in made.get("journal_accounts", ())
    )
    ConsentText.objects.bulk_create(
        text for text in configuration.consent_texts if text.code in made.get("consent_texts", ())
    )


def _make_branches(branches: list[Branch]) -> None:
    """Write branches in two statements: their ids must be known before paths of ids can be."""
    parents = {branch.code: branch.parent for branch in branches}
    for branch in branches:
        branch.parent, branch.path = None, branch.code
    Branch.objects.bulk_create(branches)
    for branch in branches:
        branch.parent = parents[branch.code]
        branch.path = _path(branch, parents)
    Branch.objects.bulk_update(branches, ["parent", "path"])


def _path(branch: Branch, parents: dict[str, Branch | None]) -> str:
    if branch.code not in parents:
        return branch.path
    parent = parents[branch.code]
    return f"{_path(parent, parents) if parent else ''}{branch.pk}/"


def _make_programmes(plans: list[ProgrammePlan], at: datetime.datetime) -> None:
    Programme.objects.bulk_create(plan.programme for plan in plans)
    Tier.objects.bulk_create(tier for plan in plans for tier in plan.tiers)
    books = [plan.rule_book for plan in plans]
    for book in books:
        book.rule_book.created_at = at
    RuleBook.objects.bulk_create(book.rule_book for book in books)
    TierTerms.objects.bulk_create(terms for book in books for terms in book.terms)
    share_series(condition for book in books for condition in book.conditions)
    Condition.objects.bulk_create(condition for book in books for condition in book.conditions)


def _make_rules(plans: list[RulePlan], at: datetime.datetime) -> None:
    EarningRule.objects.bulk_create(plan.rule for plan in plans)
    for plan in plans:
        plan.version.created_at = at
    EarningRuleVersion.objects.bulk_create(plan.version for plan in plans)
    multiplying = EarningRuleVersion.programmes.through
    multiplying.objects.bulk_create(
        multiplying(earningruleversion=plan.version, programme=programme)
        for plan in plans
        for programme in plan.programmes
    )
