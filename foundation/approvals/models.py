"""Four eyes: what is asked for (Request, its Targets) and what another person decided on it (Decision).

A request is frozen: the database lets `runtime` change nothing of it but its status, once, and delete nothing.
"""

import datetime
import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Count, F, Q
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import Branch, User
from foundation.approvals import kinds

SEE_REQUESTS = "approvals.view_request"


class RequestQuerySet(models.QuerySet["Request"]):
    def within(self, paths: list[str]) -> Self:
        """Keep the requests whose branch lies at or under one of the branch paths; none for no path."""
        within = Q(pk__in=[])
        for path in paths:
            within |= Q(branch__path__startswith=path)
        return self.filter(within)

    def visible_to(self, user: User, *, on: datetime.date) -> Self:
        """Keep the requests of the branches that his postings of the day reach: those he made, and those they let him read."""
        if user.is_active and user.is_superuser:
            return self.all()
        # Who has moved to another branch leaves his requests behind: they tell of members whom he no longer sees.
        own = self.filter(requested_by=user).within(
            [posting.branch.path for posting in visibility.postings(user, on=on)]
        )
        return own | self.within(visibility.paths(user, permission=SEE_REQUESTS, on=on))

    def waiting(self, *, at: datetime.datetime) -> Self:
        """Keep the requests that can still be decided."""
        return self.filter(status=Request.Status.PENDING, expires_at__gt=at)

    def for_decision_by(self, user: User, *, on: datetime.date) -> Self:
        """Keep the requests of others in whose branch and kind the user's postings let him decide, his limits apart."""
        mine = Q(pk__in=[])
        for kind in kinds.registered():
            for path in visibility.paths(user, permission=kind.permission_to_decide, on=on):
                mine |= Q(kind=kind.code, branch__path__startswith=path)
        return self.filter(mine).exclude(employee_number=employee_number_of(user)).exclude(requested_by=user)


class Request(models.Model):
    """A verb asked for by one person, to be decided by another; its id is made by the caller, so that a repeat makes no second."""

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")
        EXPIRED = "expired", _("expired")
        STALE = "stale", _("out of date")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=60)
    payload = models.JSONField(_("payload"))
    payload_hash = models.CharField(_("digest of the payload"), max_length=64)
    content_key = models.CharField(_("what makes it the same request"), max_length=64)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("requested by")
    )
    employee_number = models.CharField(_("employee number"), max_length=20)
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, related_name="+", verbose_name=_("branch"))
    reason = models.CharField(_("reason"), max_length=400)
    amount = models.BigIntegerField(_("amount"), help_text=_("In the kind's own unit; held against limits."))
    worth_minor = models.BigIntegerField(_("money impact"), null=True, help_text=_("In minor units, signed."))
    own_account = models.BooleanField(_("credits the requester himself"))
    requested_at = models.DateTimeField(_("requested at"))
    expires_at = models.DateTimeField(_("expires at"))
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.PENDING)
    settled_at = models.DateTimeField(_("settled at"), null=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("approvals")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "approved", "rejected", "withdrawn", "expired", "stale"]),
                name="request_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="pending", settled_at__isnull=True)
                | (~Q(status="pending") & Q(settled_at__isnull=False)),
                name="settled_request_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("requested_at")), name="request_expires_after_it_is_made"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="request_says_why"),
            models.CheckConstraint(condition=~Q(employee_number=""), name="request_names_an_employee"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="request_amount_not_negative"),
            models.UniqueConstraint(
                fields=["kind", "content_key"],
                condition=Q(status__in=["pending", "approved"]),
                name="one_live_request_per_content",
            ),
            # A decision names these four, so that it can only be about this request as it was made.
            models.UniqueConstraint(
                fields=["id", "requested_by", "employee_number", "payload_hash"], name="request_and_its_maker"
            ),
        ]
        indexes = [
            models.Index(fields=["requested_at"], condition=Q(status="pending"), name="request_waiting"),
            models.Index(fields=["employee_number", "settled_at"], name="request_by_employee"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.requested_at:%Y-%m-%d %H:%M}"


class TargetQuerySet(models.QuerySet["Target"]):
    def approved(self, kind: str) -> Self:
        """Keep the targets of approved requests of a kind."""
        return self.filter(request__kind=kind, request__status=Request.Status.APPROVED)

    def per_subject(self) -> dict[str, int]:
        """Return how many of the targets each subject has, for those that have any."""
        return dict(self.values_list("subject").annotate(count=Count("request_id")).order_by("subject"))


class Target(models.Model):
    """What a request would change: the version that the requester saw, and how many requests had changed it before."""

    pk = models.CompositePrimaryKey("request_id", "subject")
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="targets", verbose_name=_("request"))
    subject = models.CharField(_("subject"), max_length=80)
    version = models.CharField(_("version"), max_length=80)
    earlier = models.IntegerField(_("requests approved before"))
    amount = models.BigIntegerField(_("amount"))

    objects = TargetQuerySet.as_manager()

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        constraints = [models.CheckConstraint(condition=Q(amount__gte=0), name="target_amount_not_negative")]
        indexes = [models.Index(fields=["subject"], name="target_by_subject")]


class Decision(models.Model):
    """What another person decided on a request, and why; `result` is what the verb did."""

    class Outcome(models.TextChoices):
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="decisions", verbose_name=_("request"))
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("requested by")
    )
    requester_number = models.CharField(_("employee number of the requester"), max_length=20)
    payload_hash = models.CharField(_("digest of the payload"), max_length=64)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("decided by")
    )
    employee_number = models.CharField(_("employee number"), max_length=20)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome)
    comment = models.CharField(_("comment"), max_length=400, blank=True)
    decided_at = models.DateTimeField(_("decided at"))
    result = models.JSONField(_("result"), null=True)

    class Meta:
        verbose_name = _("decision on a request")
        verbose_name_plural = _("decisions on requests")
        constraints = [
            models.UniqueConstraint(fields=["request"], name="one_decision_per_request"),
            models.CheckConstraint(
                condition=~Q(employee_number=F("requester_number")) & ~Q(decided_by=F("requested_by")),
                name="decision_by_another_employee",
            ),
            models.CheckConstraint(condition=Q(outcome__in=["approved", "rejected"]), name="decision_outcome_known"),
            models.CheckConstraint(condition=Q(outcome="approved") | ~Q(comment=""), name="rejection_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.decided_at:%Y-%m-%d %H:%M}"


def employee_number_of(user: User) -> str:
    """Return the user's employee number in the one form that numbers are compared in; "" where he has none."""
    return (user.employee_number or "").strip().upper()
