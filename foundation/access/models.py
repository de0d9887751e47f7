"""Who may see and do what: users, the branch tree, and staff's postings in it."""

import datetime
from typing import Self
from urllib.parse import urlsplit

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication

from foundation.access.devices import Device, FactorTries, SignIn
from foundation.access.scopes import OF_MEMBERS
from foundation.translating import translated

__all__ = ["Branch", "Device", "FactorTries", "Role", "SignIn", "StaffPosting", "SystemClient", "User"]

# Where an app is called back: https, its own scheme with a dot in it (RFC 8252 §7.1), or the device itself.
COMES_BACK_TO = r"(https://|http://127\.0\.0\.1[:/]|http://\[::1\][:/]|[a-z][a-z0-9]*(\.[a-z0-9-]+)+:/)[^\s#]+"
COMES_BACK_TO_EACH = rf"^{COMES_BACK_TO}( {COMES_BACK_TO})*$"


class Role(models.TextChoices):
    TELLER = "teller", _("teller")
    RELATIONSHIP_MANAGER = "relationship_manager", _("relationship manager")
    BRANCH_MANAGER = "branch_manager", _("branch manager")
    PROGRAMME_MANAGER = "programme_manager", _("programme manager")
    MARKETING = "marketing", _("marketing")
    CUSTOMER_SERVICE = "customer_service", _("customer service")
    ANALYST = "analyst", _("analyst")
    COMPLIANCE = "compliance", _("risk and compliance")
    FINANCE = "finance", _("finance")
    PARTNER = "partner", _("partner")
    IT = "it", _("IT")
    AUDITOR = "auditor", _("auditor")


class BranchQuerySet(models.QuerySet["Branch"]):
    def under(self, paths: list[str]) -> Self:
        """Keep the branches at or under one of the paths; none for no path."""
        within = Q(pk__in=[])
        for path in paths:
            within |= Q(path__startswith=path)
        return self.filter(within)


class Branch(models.Model):
    """A branch in the bank's tree; `path` is the ids from the root, each ended by a slash, so that a subtree is a prefix."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    names = models.JSONField(_("names"), help_text=_("One per language: en, zh-hans, zh-hant."))
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children", verbose_name=_("parent")
    )
    path = models.CharField(_("path"), max_length=200, unique=True)

    objects = BranchQuerySet.as_manager()

    class Meta:
        verbose_name = _("branch")
        verbose_name_plural = _("branches")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    @property
    def name(self) -> str:
        return translated(self.names)


class User(AbstractUser):
    """Anyone who signs in: staff (an employee number, postings) or a member (the members app points here)."""

    acts_at: datetime.datetime  # once a request has asked, see signing_in.moment_of
    postings_by_day: "dict[datetime.date, list[StaffPosting]]"  # see visibility.postings

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    full_name = models.CharField(_("full name"), max_length=80, blank=True)
    employee_number = models.CharField(_("employee number"), max_length=20, null=True, blank=True)
    # When a password, a contact or a factor was changed last: from then on spending rests (stepping_up.py).
    secured_at = models.DateTimeField(_("access changed at"), null=True, blank=True)
    # Raised to end every session at once, since each carries a hash of it.
    session_epoch = models.PositiveIntegerField(default=0, db_default=0)

    REQUIRED_FIELDS = ["full_name"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def get_full_name(self) -> str:
        return self.full_name or self.username

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return what each session must carry: of the password, as in Django, and of the epoch once it was raised."""
        bound = f"{self.password}{self.session_epoch or ''}"
        salt = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
        return salted_hmac(salt, bound, secret=secret, algorithm="sha256").hexdigest()


class PostingQuerySet(models.QuerySet["StaffPosting"]):
    def on(self, day) -> Self:
        """Keep the postings that hold on the date `day`."""
        return self.filter(Q(starts_on__lte=day) & (Q(ends_on__isnull=True) | Q(ends_on__gt=day)))

    def between(self, first, end) -> Self:
        """Keep the postings that hold on some day from `first` until `end` (exclusive; None: open)."""
        begun = Q() if end is None else Q(starts_on__lt=end)
        return self.filter(begun & (Q(ends_on__isnull=True) | Q(ends_on__gt=first)))


class StaffPosting(models.Model):
    """A user's role in a branch and everything under it, from a date until a date (exclusive; open end NULL)."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="postings", verbose_name=_("user"))
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, related_name="postings", verbose_name=_("branch"))
    role = models.CharField(_("role"), max_length=20, choices=Role)
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(_("ends on"), null=True, blank=True)

    objects = PostingQuerySet.as_manager()

    class Meta:
        verbose_name = _("staff posting")
        verbose_name_plural = _("staff postings")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gt=F("starts_on")), name="posting_ends_after_its_start"
            ),
            models.UniqueConstraint(fields=["user", "branch", "role", "starts_on"], name="one_posting_per_start"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.get_role_display()} {self.branch}"

    @property
    def reaches_the_bank(self) -> bool:
        """Tell whether the posting is in a root of the tree."""
        return self.branch.parent_id is None


class SystemClient(AbstractApplication):
    """Who calls the API by OAuth 2, for the scopes it was given and no others.

    A system of the bank signs in by its own credentials. An app is public: it keeps no secret, and acts for a member who lets it
    (authorization code with PKCE), at the addresses of its own that are written here (`redirect_uris`, separated by a blank).
    """

    scopes = ArrayField(models.CharField(max_length=40), default=list, blank=True, verbose_name=_("scopes"))

    class Meta(AbstractApplication.Meta):
        verbose_name = _("system client")
        verbose_name_plural = _("system clients")
        constraints = [
            models.CheckConstraint(
                condition=Q(authorization_grant_type="client-credentials", client_type="confidential")
                | Q(authorization_grant_type="authorization-code", client_type="public", skip_authorization=False),
                name="client_is_a_system_or_an_app",
            ),
            models.CheckConstraint(
                condition=Q(authorization_grant_type="authorization-code", scopes__contained_by=list(OF_MEMBERS))
                | (Q(authorization_grant_type="client-credentials") & ~Q(scopes__overlap=list(OF_MEMBERS))),
                name="client_has_scopes_of_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(authorization_grant_type="client-credentials", redirect_uris="")
                | Q(authorization_grant_type="authorization-code", redirect_uris__regex=COMES_BACK_TO_EACH),
                name="app_comes_back_to_its_own_address",
            ),
        ]

    @property
    def is_app(self) -> bool:
        """Tell whether this is an app that acts for members, not a system of the bank."""
        return self.authorization_grant_type == self.GRANT_AUTHORIZATION_CODE

    def get_allowed_schemes(self) -> list[str]:
        """Return the schemes that this app is called back by: those of its own addresses."""
        return sorted({urlsplit(address).scheme for address in self.redirect_uris.split()})
