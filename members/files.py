"""A member's file as rows: what is held of him and since when, how whole and fresh that is, when it is looked through again."""

import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import User
from foundation.audit.models import AuditEvent

# A file below this score is one to mend: identity, contacts and work are known from some sixty percent on.
MEND_BELOW = 60


class FactSource(models.TextChoices):
    MEMBER = "member", _("the member himself")
    DOCUMENT = "document", _("a document that staff saw")
    TOLD = "told", _("told to staff")
    CORE = "core", _("the core bank")


class MemberFileQuerySet(models.QuerySet["MemberFile"]):
    def in_branches(self, paths: list[str]) -> Self:
        """Keep the files of members whose branch lies at or under one of the branch paths; none for no path."""
        within = Q(pk__in=[])
        for path in paths:
            within |= Q(member__branch__path__startswith=path)
        return self.filter(within)

    def visible_to(self, user: User, *, on: datetime.date) -> Self:
        """Keep the files of the members whom the user's postings of the day `on` let him see."""
        if user.is_active and user.is_superuser:
            return self.all()
        return self.in_branches(visibility.paths(user, permission=visibility.SEE_MEMBERS, on=on))

    def to_mend(self, *, on: datetime.date) -> Self:
        """Keep the files of open memberships that score too low, hold a stale fact, or are due for review on the date `on`."""
        wanting = Q(score__lt=MEND_BELOW) | ~Q(stale=[]) | Q(due_on__lte=on)
        return self.exclude(member__status="closed").filter(wanting)


class MemberFile(models.Model):
    """One member's file: the sealed document of facts, what of them is held (source, day, purpose by code), and its scores.

    `held` and the scores tell no value. `sealed` opens by the file's own key, which lies sealed in Person: who destroys that
    person's key has destroyed the facts and their history too. Scores are whole percents; NULL until first reckoned.
    """

    member = models.OneToOneField(
        "members.Member", primary_key=True, on_delete=models.PROTECT, related_name="file", verbose_name=_("member")
    )
    sealed = models.BinaryField(default=b"")
    held = models.JSONField(_("held"), default=dict)
    version = models.PositiveIntegerField(_("version"), default=1)
    complete = models.SmallIntegerField(_("completeness"), null=True)
    fresh = models.SmallIntegerField(_("freshness"), null=True)
    score = models.SmallIntegerField(_("score"), null=True)
    missing = ArrayField(models.CharField(max_length=20), verbose_name=_("missing"), default=list)
    stale = ArrayField(models.CharField(max_length=20), verbose_name=_("stale"), default=list)
    scored_on = models.DateField(_("scored on"), null=True)
    reviewed_on = models.DateField(_("looked through on"))
    due_on = models.DateField(_("due for review on"))

    objects = MemberFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("member file")
        verbose_name_plural = _("files to mend")
        constraints = [
            models.CheckConstraint(
                condition=Q(complete__isnull=True, fresh__isnull=True, score__isnull=True)
                | Q(complete__range=(0, 100), fresh__range=(0, 100), score__range=(0, 100)),
                name="file_scores_are_percents",
            ),
            models.CheckConstraint(
                condition=Q(due_on__gt=models.F("reviewed_on")), name="file_is_due_after_its_review"
            ),
        ]
        indexes = [
            models.Index(fields=["score", "member"], name="file_by_score"),
            models.Index(fields=["due_on", "member"], name="file_by_due_date"),
        ]

    def __str__(self) -> str:
        return str(self.member)


class FactChange(models.Model):
    """A fact's value before and after, sealed under the file's key, and the event that says who changed it; written once."""

    member = models.ForeignKey(
        "members.Member",
        on_delete=models.PROTECT,
        related_name="fact_changes",
        db_index=False,
        verbose_name=_("member"),
    )
    code = models.CharField(_("fact"), max_length=20)
    source = models.CharField(_("source"), max_length=10, choices=FactSource)
    at = models.DateTimeField(_("at"))
    sealed = models.BinaryField()
    event = models.ForeignKey(
        AuditEvent, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("audit event")
    )

    class Meta:
        verbose_name = _("change of a fact")
        verbose_name_plural = _("changes of facts")
        constraints = [
            models.CheckConstraint(condition=Q(source__in=FactSource.values), name="fact_source_known"),
        ]
        indexes = [models.Index(fields=["member", "-at", "-id"], name="fact_change_by_member")]
