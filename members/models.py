"""People and what they hold at the bank: Member, Person (encrypted), Account."""

import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import Branch, User


class MemberQuerySet(models.QuerySet["Member"]):
    def in_branches(self, paths: list[str]) -> Self:
        """Keep the members whose branch lies at or under one of the branch paths; none for no path."""
        within = Q(pk__in=[])
        for path in paths:
            within |= Q(branch__path__startswith=path)
        return self.filter(within)

    def visible_to(self, user: User, *, on: datetime.date) -> Self:
        """Keep the members whom the user's postings of the day `on` let him see; the rest does not exist for him."""
        if user.is_active and user.is_superuser:
            return self.all()
        return self.in_branches(visibility.paths(user, permission=visibility.SEE_MEMBERS, on=on))

    def numbered(self, first: int, last: int) -> Self:
        """Keep the members with first <= id <= last: one chunk of the night."""
        return self.filter(pk__range=(first, last))


class Member(models.Model):
    """A customer's membership record; who he is stands apart, encrypted, in Person."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        CLOSED = "closed", _("closed")

    number = models.CharField(_("member number"), max_length=20, unique=True)
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, related_name="members", verbose_name=_("branch"))
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="member",
        verbose_name=_("user"),
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.ACTIVE)
    joined_on = models.DateField(_("member since"))
    closed_on = models.DateField(_("closed on"), null=True, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=["active", "closed"]), name="member_status_known"),
            models.CheckConstraint(
                condition=Q(status="closed", closed_on__isnull=False)
                | (~Q(status="closed") & Q(closed_on__isnull=True)),
                name="closed_member_has_its_date",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Person(models.Model):
    """Who a member is: one encrypted document under a key of his own, keyed hashes to find him by, masks to show.

    Destroying `wrapped_key` erases the person. Lists show the masks only; nothing here is ever logged.
    """

    member = models.OneToOneField(
        Member, primary_key=True, on_delete=models.PROTECT, related_name="person", verbose_name=_("member")
    )
    wrapped_key = models.BinaryField(null=True)
    sealed = models.BinaryField()
    masked_name = models.CharField(_("name"), max_length=80, blank=True)
    masked_phone = models.CharField(_("phone"), max_length=40, blank=True)
    name_hash = models.BinaryField(null=True)
    surname_hash = models.BinaryField(null=True)
    phone_hash = models.BinaryField(null=True)
    national_id_hash = models.BinaryField(null=True)
    pinyin_hash = models.BinaryField(null=True)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        indexes = [
            models.Index(fields=[field], name=f"person_by_{field}")
            for field in ("name_hash", "surname_hash", "phone_hash", "national_id_hash", "pinyin_hash")
        ]

    def __str__(self) -> str:
        return self.masked_name


class Account(models.Model):
    """A member's account at the bank, of a class of the bank's own (deposit, wealth, insurance, loan, card …).

    `closing_booked_on` is the business date whose close takes the last change of `closed_on`; the database sets it.
    """

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="accounts", verbose_name=_("member"))
    number = models.CharField(_("account number"), max_length=40, unique=True)
    account_class = models.CharField(_("class"), max_length=20)
    opened_on = models.DateField(_("opened on"))
    closed_on = models.DateField(_("closed on"), null=True, blank=True)
    closing_booked_on = models.DateField(_("closing booked on"), null=True, editable=False)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_on__isnull=True) | Q(closed_on__gte=F("opened_on")),
                name="account_closes_after_it_opens",
            )
        ]

    def __str__(self) -> str:
        return self.number
