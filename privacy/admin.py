"""Certificates and destructions in the console; and the retention schedule, which is one page (pages.py)."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from foundation.approvals.models import Request
from foundation.web.browsing import BrowseAdmin, Section, choose
from privacy import certificates, destroying
from privacy.classes import CLASSES
from privacy.models import Certificate, Destruction


def _moment(at: Any) -> str:
    return formats.date_format(timezone.localtime(at), "Y-m-d H:i")


@admin.register(Certificate)
class CertificateAdmin(BrowseAdmin):
    keyset = ("-made_at", "-number")
    list_display = ("number", "moment", "kind", "subject")
    list_filter = (choose("kind"),)
    intro = _("What was destroyed, when, by what right, and who decided; signed by the bank, naming nobody.")

    @admin.display(description=_("made at"))
    def moment(self, certificate: Certificate) -> str:
        return _moment(certificate.made_at)

    def facts(self, request: HttpRequest, certificate: Certificate) -> list[tuple[Any, Any]]:
        said = certificate.document
        return [
            (_("kind"), certificate.get_kind_display()),
            (_("subject"), certificate.subject),
            (_("made at"), _moment(certificate.made_at)),
            (_("legal basis"), said.get("basis")),
            (_("asked by"), said.get("asked_by")),
            (_("decided by"), said.get("decided_by")),
            (_("gone from backups by"), said.get("backups_expire_on")),
            (_("digest"), certificate.digest),
            (_("signature"), _("right") if certificates.holds(certificate) else _("wrong")),
        ]

    def sections(self, request: HttpRequest, certificate: Certificate) -> list[Section]:
        said = certificate.document
        counts = said.get("destroyed") or {"rows": said.get("rows", 0)}
        rows = [[name.replace("_", " "), count] for name, count in sorted(counts.items())]
        title = _("what was destroyed")
        return [Section(title=title, headers=[_("what"), _("rows")], rows=rows, numbers=frozenset({1}))]


@admin.register(Destruction)
class DestructionAdmin(BrowseAdmin):
    keyset = ("-found_on", "-id")
    list_display = ("what", "before", "rows", "destroyed", "state")
    list_filter = (choose("state"),)
    intro = _(
        "What has passed its term, found by the night. One person of compliance asks to destroy it, another decides."
    )

    @admin.display(description=_("data class"))
    def what(self, batch: Destruction) -> str:
        return str(CLASSES[batch.data_class].label)

    def heading(self, batch: Destruction) -> str:
        return str(CLASSES[batch.data_class].label)

    def verb(self, request: HttpRequest, batch: Destruction) -> dict[str, Any] | None:
        if batch.state != Destruction.State.FOUND or not request.user.has_perm(destroying.MAY_REQUEST):
            return None
        waiting = Request.objects.filter(kind=destroying.KIND.code, content_key=f"destroy/{batch.pk}", status="pending")
        if asked := waiting.first():
            return {"url": reverse("admin:approvals_request_change", args=[asked.pk]), "label": _("Open the request")}
        return {"url": reverse("admin:privacy_destroy", args=[batch.pk]), "label": _("Ask to destroy")}

    def facts(self, request: HttpRequest, batch: Destruction) -> list[tuple[Any, Any]]:
        return [
            (_("state"), batch.get_state_display()),
            (_("older than"), batch.before),
            (_("found on"), batch.found_on),
            (_("rows found"), batch.rows),
            (_("rows destroyed"), batch.destroyed),
            (_("certificate"), batch.certificate_id),
        ]
