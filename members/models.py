"""People and what they hold at the bank: Member, Person (encrypted), Account.

What they are asked and how they come in stands beside: consent_texts.py, enrolments.py, codes.py.
"""

import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Trim, Upper
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import Branch, User
from foundation.approvals.models import employee_number_of
from members.codes import OneTimeCode
from members.consent_texts import Consent, ConsentText
from members.contact_changes import ContactChange
from members.enrolments import Enrolment
from members.files import FactChange, MemberFile
from members.households import Household, HouseholdMembership
from members.merges import Merge, SetApart
from members.preferences import Preference
from members.states import GATES, State, StatusChange

__all__ = [
    "Account", "Consent", "ConsentText", "ContactChange", "Enrolment", "FactChange", "Family", "FamilyMembership",
    "FamilyMembershipQuerySet", "Household", "HouseholdMembership", "Member", "MemberFile", "MemberQuerySet",
    "Merge", "OneTimeCode", "Person", "Preference", "SetApart", "StatusChange",
]  # fmt: skip


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

    def close_to_employee(self, user: User) -> Self:
        """Keep the members who are this user, by any account of his, or live in one household with him."""
        himself = Member.objects.of_employee(user).values("pk")
        homes = HouseholdMembership.objects.open().filter(member__in=himself).values("household")
        housemates = HouseholdMembership.objects.open().filter(household__in=homes).values("member")
        return self.filter(Q(pk__in=himself) | Q(pk__in=housemates))

    def joined(self) -> Self:
        """Keep the members whose membership is open and who have accepted it, dormant and suspended ones too."""
        return self.filter(accepted_at__isnull=False).exclude(status="closed")

    def addressed(self) -> Self:
        """Keep the members who have accepted and whose state lets marketing address them (states.GATES), consent apart."""
        states = [state for state, gates in GATES.items() if gates.is_addressed]
        return self.filter(status__in=states, accepted_at__isnull=False)

    def invited(self) -> Self:
        """Keep the members who were loaded and have not accepted yet: they collect, don't spend, and nobody markets to them."""
        return self.filter(status="active", accepted_at=None)

    def in_state(self, state: str) -> Self:
        """Keep the members in a state as people see it (states.State)."""
        if state == State.INVITED:
            return self.invited()
        return self.joined().filter(status="active") if state == State.ACTIVE else self.filter(status=state)

    def with_state_on(self, day: datetime.date) -> Self:
        """Annotate `state_then`: the state at the end of the date `day`, by the moves; None before the member was known."""
        moved = StatusChange.objects.filter(member=OuterRef("pk"))
        present = Case(
            When(status="active", accepted_at=None, then=Value(str(State.INVITED))),
            default=F("status"),
            output_field=models.CharField(),
        )
        then = Coalesce(
            Subquery(moved.by(day).values("to_state")[:1]),
            Subquery(moved.after(day).values("from_state")[:1]),
            present,
        )
        return self.annotate(state_then=Case(When(joined_on__lte=day, then=then), default=None))

    def numbered(self, first: int, last: int) -> Self:
        """Keep the members with first <= id <= last: one chunk of the night."""
        return self.filter(pk__range=(first, last))


class Member(models.Model):
    """A customer's membership record; who he is stands apart, encrypted, in Person.

    `status` and `accepted_at`, when he joined himself, make his state (members/states.py): until then he is invited. Verbs move it,
    each leaving a StatusChange.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        DORMANT = "dormant", _("dormant")
        SUSPENDED = "suspended", _("suspended")
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
    # The last own act that a night has read; read again only once it is so old that he might fall asleep (activity/idling.py).
    last_act_on = models.DateField(_("last own act"), null=True, editable=False)
    woken_at = models.DateTimeField(_("woken at"), null=True, editable=False)
    contact_changed_at = models.DateTimeField(_("contact changed at"), null=True, editable=False)
    # Woken and with a new contact, both lately: until then nothing is spent (members/waking.py).
    cools_off_until = models.DateTimeField(_("nothing is spent until"), null=True, editable=False)
    # He has asked to close his membership; it ends then unless he thinks better of it.
    leaves_at = models.DateTimeField(_("leaves at"), null=True, editable=False)
    # Where this record was one of two of a person: the one that stays, at the end of any chain (docs/merging.md).
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("merged into"),
    )

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["active", "dormant", "suspended", "closed"]), name="member_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="dormant") | Q(accepted_at__isnull=False), name="dormant_member_has_accepted"
            ),
            models.CheckConstraint(
                condition=Q(status="closed", closed_on__isnull=False)
                | (~Q(status="closed") & Q(closed_on__isnull=True)),
                name="closed_member_has_its_date",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | Q(status="closed") & ~Q(merged_into=F("id")),
                name="merged_member_is_closed",
            ),
        ]
        indexes = [
            models.Index(fields=["merged_into"], condition=Q(merged_into__isnull=False), name="member_by_merged_into"),
            # Few of each: whom the night leaves out or looks at, whose time the ring ends, and who may fall asleep.
            models.Index(fields=["id"], condition=Q(status="suspended"), name="member_suspended"),
            models.Index(fields=["id"], condition=Q(status="dormant"), name="member_dormant"),
            models.Index(fields=["leaves_at"], condition=Q(leaves_at__isnull=False), name="member_leaving"),
            models.Index(
                fields=["cools_off_until"], condition=Q(cools_off_until__isnull=False), name="member_cooling_off"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def state(self) -> str:
        """Return the state as people see it: the status, or invited."""
        return "invited" if self.status == self.Status.ACTIVE and self.accepted_at is None else self.status

    def get_state_display(self) -> str:
        """Return the state in words."""
        return str(State(self.state).label)


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
    # From then on nothing personal comes back, whoever writes it (docs/privacy.md).
    erased_on = models.DateField(_("erased on"), null=True, editable=False)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.CheckConstraint(
                condition=Q(erased_on__isnull=True)
                | Q(
                    wrapped_key__isnull=True,
                    masked_name="",
                    masked_phone="",
                    name_hash__isnull=True,
                    surname_hash__isnull=True,
                    phone_hash__isnull=True,
                    email_hash__isnull=True,
                    national_id_hash__isnull=True,
                    pinyin_hash__isnull=True,
                ),
                name="erased_person_holds_nobody",
            ),
        ]
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
