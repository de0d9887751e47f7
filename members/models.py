"""People and what they hold at the bank: Member, Person (encrypted), Account.

What they are asked and how they come in stands beside: consent_texts.py, enrolments.py, codes.py.
"""

import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Trim, Upper
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import Branch, User
from foundation.approvals.models import employee_number_of
from members.codes import OneTimeCode
from members.consent_texts import Consent, ConsentText
from members.contact_changes import ContactChange
from members.enrolments import Enrolment

__all__ = [
    "Account",
    "Consent",
    "ConsentText",
    "ContactChange",
    "Enrolment",
    "Family",
    "FamilyMembership",
    "FamilyMembershipQuerySet",
    "Member",
    "MemberQuerySet",
    "OneTimeCode",
    "Person",
]


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

    def of_employee(self, user: User) -> Self:
        """Keep the members who are this user, or sign in by another account of the same employee."""
        himself = Q(user=user)
        if own_number := employee_number_of(user):
            himself |= Q(employee=own_number)
        return self.annotate(employee=Upper(Trim("user__employee_number"))).filter(himself)

    def joined(self) -> Self:
        """Keep the members whose membership is open and who have accepted it; who was only loaded is invited."""
        return self.filter(status="active", accepted_at__isnull=False)

    def invited(self) -> Self:
        """Keep the open members who were loaded and have not accepted yet: they collect, and nobody markets to them."""
        return self.filter(status="active", accepted_at=None)

    def in_state(self, state: str) -> Self:
        """Keep the members in a state as people see it: invited, active, closed."""
        states = {"invited": self.invited, "active": self.joined}
        return states[state]() if state in states else self.filter(status=state)

    def numbered(self, first: int, last: int) -> Self:
        """Keep the members with first <= id <= last: one chunk of the night."""
        return self.filter(pk__range=(first, last))


class Member(models.Model):
    """A customer's membership record; who he is stands apart, encrypted, in Person.

    `status` says whether the ledger is open to him, `accepted_at` when he joined himself: until then he is invited.
    """

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
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    # The language that messages to him are in; empty: the bank's.
    language = models.CharField(_("language"), max_length=7, blank=True, db_default="")
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

    @property
    def state(self) -> str:
        """Return invited, active or closed: the status as people see it."""
        return "invited" if self.status == self.Status.ACTIVE and self.accepted_at is None else self.status

    def get_state_display(self) -> str:
        """Return the state in words."""
        return str(_("invited")) if self.state == "invited" else str(self.Status(self.status).label)


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
    email_hash = models.BinaryField(null=True)
    national_id_hash = models.BinaryField(null=True)
    pinyin_hash = models.BinaryField(null=True)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        indexes = [
            models.Index(fields=[field], name=f"person_by_{field}")
            for field in ("name_hash", "surname_hash", "phone_hash", "email_hash", "national_id_hash", "pinyin_hash")
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


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def on(self, day: datetime.date) -> Self:
        """Keep the assignments that hold on the date `day`."""
        return self.filter(Q(starts_on__lte=day) & (Q(ends_on__isnull=True) | Q(ends_on__gt=day)))


class Assignment(models.Model):
    """Who looks after a member, from a date until a date (exclusive; open end NULL): one relationship manager at a time.

    One that was handed on on the day it began has no day of its own: `ends_on` is `starts_on`.
    """

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="assignments", db_index=False, verbose_name=_("member")
    )
    manager = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("relationship manager"),
    )
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(_("ends on"), null=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="assignment_ends_after_its_start",
            ),
            models.UniqueConstraint(
                fields=["member"], condition=Q(ends_on__isnull=True), name="one_open_assignment_per_member"
            ),
        ]
        indexes = [
            models.Index(fields=["member", "starts_on"], name="assignment_by_member"),
            models.Index(fields=["manager", "member"], name="assignment_by_manager"),
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.manager} {self.starts_on}"


class FamilyMembershipQuerySet(models.QuerySet["FamilyMembership"]):
    def open(self) -> Self:
        """Keep those that have not ended: accepted, or invited and not answered yet."""
        return self.filter(left_at=None)

    def accepted(self) -> Self:
        """Keep those that are in a family now."""
        return self.open().filter(accepted_at__isnull=False)

    def inviting(self, number: str) -> Self:
        """Keep the invitations of a member number that nobody has answered yet."""
        return self.open().filter(accepted_at=None, number=number.upper())


class Family(models.Model):
    """Members who share points: its head pays, the others spend within what he grants each (docs/family.md)."""

    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("family")
        verbose_name_plural = _("families")


class FamilyMembership(models.Model):
    """A member's place in a family, from the invitation on until he leaves, declines, or is removed; a new one is a new row.

    An invitation is to a member number, whether anybody bears it or not, so that inviting tells nobody who is a member.
    """

    class Role(models.TextChoices):
        HEAD = "head", _("head of family")
        MEMBER = "member", _("family member")

    family = models.ForeignKey(Family, on_delete=models.PROTECT, related_name="memberships", verbose_name=_("family"))
    number = models.CharField(_("member number"), max_length=20)
    member = models.ForeignKey(
        Member, null=True, on_delete=models.PROTECT, related_name="families", verbose_name=_("member")
    )
    role = models.CharField(_("role"), max_length=6, choices=Role, default=Role.MEMBER)
    invited_at = models.DateTimeField(_("invited at"))
    accepted_at = models.DateTimeField(_("accepted at"), null=True)
    left_at = models.DateTimeField(_("left at"), null=True)

    objects = FamilyMembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("family membership")
        verbose_name_plural = _("family memberships")
        constraints = [
            models.CheckConstraint(condition=Q(role__in=["head", "member"]), name="family_role_known"),
            models.CheckConstraint(
                condition=~Q(role="head") | Q(accepted_at__isnull=False), name="head_of_family_needs_no_invitation"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, member__isnull=True)
                | Q(accepted_at__isnull=False, member__isnull=False),
                name="family_knows_who_accepted",
            ),
            models.CheckConstraint(
                condition=(Q(accepted_at__isnull=True) | Q(accepted_at__gte=F("invited_at")))
                & (Q(left_at__isnull=True) | Q(left_at__gte=F("invited_at"))),
                name="family_membership_in_order",
            ),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(accepted_at__isnull=False, left_at__isnull=True),
                name="member_in_one_family_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["number", "family"], condition=Q(left_at__isnull=True), name="number_invited_once_by_a_family"
            ),
            models.UniqueConstraint(
                fields=["family"], condition=Q(role="head", left_at__isnull=True), name="family_has_one_head"
            ),
        ]
