"""Drafts of rule books, and the withdrawals of versions that never came into force."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class DraftQuerySet(models.QuerySet["Draft"]):
    def open(self) -> Self:
        """Keep the drafts that can still become a version."""
        return self.filter(state=Draft.State.OPEN)


class Draft(models.Model):
    """Rules that somebody is working on: a document as tiers.reading takes it, also one that is only half finished.

    `digest` is the document's; a rehearsal and a proposal name it, so that what is approved is what was rehearsed. Nothing acts on
    a draft: an approval makes a rule book out of the proposal's own copy.
    """

    class State(models.TextChoices):
        OPEN = "open", _("being written")
        APPROVED = "approved", _("approved")
        SET_ASIDE = "set_aside", _("set aside")

    programme = models.ForeignKey(
        "tiers.Programme", on_delete=models.PROTECT, related_name="drafts", verbose_name=_("loyalty programme")
    )
    name = models.CharField(_("name"), max_length=80)
    document = models.JSONField(_("rules"))
    digest = models.CharField(_("digest"), max_length=64)
    based_on = models.ForeignKey(
        "tiers.RuleBook",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("begun from version"),
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("edited by")
    )
    edited_at = models.DateTimeField(_("edited at"))
    rule_book = models.OneToOneField(
        "tiers.RuleBook",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="draft",
        verbose_name=_("rule book"),
    )

    objects = DraftQuerySet.as_manager()

    class Meta:
        app_label = "tiers"
        verbose_name = _("draft of a rule book")
        verbose_name_plural = _("drafts of rule books")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="approved", rule_book__isnull=False)
                | (~Q(state="approved") & Q(rule_book__isnull=True)),
                name="approved_draft_has_its_rule_book",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="draft_has_its_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Withdrawal(models.Model):
    """A version taken back before it came into force: it stays to be read, and no review or multiplier ever follows it."""

    rule_book = models.OneToOneField(
        "tiers.RuleBook",
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="withdrawal",
        verbose_name=_("rule book"),
    )
    reason = models.CharField(_("reason"), max_length=400)
    request_id = models.UUIDField(_("request"))
    withdrawn_on = models.DateField(_("withdrawn on"))

    class Meta:
        app_label = "tiers"
        verbose_name = _("withdrawal of a rule book")
        verbose_name_plural = _("withdrawals of rule books")
