"""Asking for corrections of points in the console: of one member by hand, of many by file; another person decides."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from foundation import sheets, transactions
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.models import Request
from foundation.refusals import Refusal
from foundation.web.downloading import download
from foundation.web.fields import Day
from foundation.web.requests import actor
from members.models import Member
from points import checking, correcting, uploading
from points.models import CorrectionFile, PointCurrency

ERRORS_SHOWN = 100
ROWS_SHOWN = 20


class HandForm(forms.Form):
    """One member's correction. `id` makes a form that is sent twice one request."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    currency = forms.ModelChoiceField(
        PointCurrency.objects.order_by("-kind", "id"), label=_("point currency"), empty_label=None
    )
    points = forms.CharField(
        label=_("points"),
        max_length=14,
        validators=[RegexValidator(rf"\A\s*{checking.WHOLE.pattern}\s*\Z", checking.SENTENCES["points_out_of_range"])],
        widget=forms.TextInput(attrs={"inputmode": "text", "autocomplete": "off"}),
        help_text=_("With a minus sign to take points away: -500."),
    )
    reason = forms.CharField(label=_("reason"), max_length=checking.LONGEST_REASON)
    expires_on = forms.DateField(
        label=_("expires on"),
        widget=Day,
        required=False,
        help_text=_("The last usable day of a credit; empty: as the currency has it."),
    )


class FileForm(forms.Form):
    """The file of many corrections."""

    file = forms.FileField(
        label=_("file"),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv"}),
        help_text=_("xlsx, or CSV in UTF-8 or GB18030; 20,000 rows and 5 MB at most."),
    )


class ReasonForm(forms.Form):
    """Why the corrections of a file are asked for."""

    reason = forms.CharField(label=_("reason for the whole file"), max_length=400)


def addresses(view: Callable[..., Any]) -> list[URLPattern]:
    """Return the addresses of these pages, each behind the console's door."""
    return [
        path("members/member/<int:member_id>/correct/", view(by_hand), name="points_correct"),
        path("points/corrections/", view(upload), name="points_corrections"),
        path("points/corrections/template.xlsx", view(template), name="points_corrections_template"),
        path("points/corrections/<uuid:file_id>/", view(dry_run), name="points_corrections_file"),
        path("points/corrections/<uuid:file_id>/errors.csv", view(errors), name="points_corrections_errors"),
    ]


def may_correct(request: HttpRequest, member: Member) -> bool:
    """Tell whether the user may ask to correct this member's points."""
    if not request.user.has_perm(correcting.MAY_REQUEST) or member.status == Member.Status.CLOSED:
        return False
    # The branch came with the member: no statement is needed.
    paths = visibility.paths(request.user, permission=correcting.MAY_REQUEST, on=day_of(request.user))
    return any(member.branch.path.startswith(path) for path in paths)


def by_hand(request: HttpRequest, member_id: int) -> HttpResponse:
    """Ask to correct one member's points."""
    _must_be_allowed(request)
    user = request.user
    visible = Member.objects.visible_to(user, on=day_of(user)) & uploading.correctable(user, on=day_of(user))
    member = get_object_or_404(visible.select_related("branch", "person"), pk=member_id)
    form = HandForm(request.POST or None, initial={"id": uuid.uuid4()})
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data | {"points": int(form.cleaned_data["points"])}
        try:
            made = transactions.commit(
                correcting.ask_by_hand, member=member, **said, actor=actor(request), at=moment_of(user)
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            return _asked(request, made)
    title = _("Ask to correct points")
    who = f"{member.number} {member.person.masked_name if hasattr(member, 'person') else ''}"
    return site.page(
        request,
        "admin/form.html",
        title=title,
        form=form,
        opts=Member._meta,
        sentences=[who, _("Another person decides.")],
    )


def upload(request: HttpRequest) -> HttpResponse:
    """Take a file of corrections and show what it would do."""
    _must_be_allowed(request)
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file, user = form.cleaned_data["file"], request.user
        try:
            if file.size > sheets.MOST_BYTES:
                raise sheets.FileTooLarge
            kept = transactions.commit(
                uploading.keep, name=file.name, content=file.read(), user=user, at=moment_of(user)
            )
        except Refusal as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect("admin:points_corrections_file", kept.pk)
    codes = ", ".join(f"{currency.code} ({currency})" for currency in PointCurrency.objects.order_by("-kind", "id"))
    sentences = [
        _("Nothing is booked yet: the rows are checked, then asked for as one request, and another person decides."),
        _("Point currencies: %(codes)s.") % {"codes": codes},
    ]
    download = {"url": reverse("admin:points_corrections_template"), "label": _("Download the template")}
    return site.page(
        request,
        "admin/form.html",
        title=_("Correct points by file"),
        form=form,
        opts=Request._meta,
        sentences=sentences,
        download=download,
    )


def template(request: HttpRequest) -> HttpResponseBase:
    """Give the workbook to fill in, with a row that shows how."""
    _must_be_allowed(request)
    columns = [column for column in uploading.COLUMNS if column.field]
    code = PointCurrency.objects.order_by("-kind", "id").values_list("code", flat=True).first() or "points"
    example = ["88000001", code, 500, "goodwill / 补偿 / 補償", ""]
    return download(
        name="corrections",
        form="xlsx",
        title="corrections",
        headers=[column.heading for column in columns],
        rows=[example],
        at=moment_of(request.user),
    )


def dry_run(request: HttpRequest, file_id: uuid.UUID) -> HttpResponse:
    """Show what a file would do and which rows can't be, and ask for it."""
    kept = _kept(request, file_id)
    user = request.user
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = transactions.commit(
                uploading.ask, kept=kept, **form.cleaned_data, actor=actor(request), at=moment_of(user)
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            return _asked(request, made)
    checked = uploading.dry_run(kept, today=day_of(user))
    names = {currency.code: str(currency) for currency in PointCurrency.objects.all()}
    totals: dict[str, dict[str, Any]] = {}
    for row in checked.rows:
        total = totals.setdefault(
            row["currency"], {"name": names[row["currency"]], "rows": 0, "credits": 0, "debits": 0}
        )
        total["rows"] += 1
        total["credits" if row["points"] > 0 else "debits"] += row["points"]
    return site.page(
        request,
        "admin/corrections_file.html",
        title=kept.name,
        kept=kept,
        form=form,
        checked=checked,
        totals=list(totals.values()),
        wrong_rows=len({error.line for error in checked.errors}),
        errors=checked.errors[:ERRORS_SHOWN],
        more_errors=max(len(checked.errors) - ERRORS_SHOWN, 0),
        rows=checked.rows[:ROWS_SHOWN],
        asked=Request.objects.filter(pk=kept.pk).exists(),
    )


def errors(request: HttpRequest, file_id: uuid.UUID) -> HttpResponseBase:
    """Give the rows that can't be asked for, as they came, each with what is wrong with it."""
    kept = _kept(request, file_id)
    wrong: dict[int, list[str]] = {}
    columns = [column for column in uploading.COLUMNS if column.field]
    headings = {column.field: column.heading for column in columns}
    for error in uploading.dry_run(kept, today=day_of(request.user)).errors:
        wrong.setdefault(error.line, []).append(f"{headings[error.field]}: {error.sentence}")
    by_line = {row["line"]: row for row in kept.rows}
    rows = [
        [*(by_line[line][column.field] for column in columns), line, " ".join(sentences)]
        for line, sentences in sorted(wrong.items())
    ]
    extra = [column.heading for column in uploading.COLUMNS if not column.field]
    return download(
        name="corrections-errors",
        form="csv",
        title="corrections",
        headers=[*headings.values(), *extra],
        rows=rows,
        at=moment_of(request.user),
    )


def _must_be_allowed(request: HttpRequest) -> None:
    if not request.user.has_perm(correcting.MAY_REQUEST):
        raise PermissionDenied


def _kept(request: HttpRequest, file_id: uuid.UUID) -> CorrectionFile:
    """Return a file that the user uploaded himself; another's does not exist for him."""
    _must_be_allowed(request)
    kept = CorrectionFile.objects.filter(pk=file_id, uploaded_by=request.user).select_related("uploaded_by").first()
    if kept is None:
        raise Http404
    return kept


def _asked(request: HttpRequest, made: Request) -> HttpResponse:
    messages.success(request, _("Asked for. Another person decides."))
    return redirect("admin:approvals_request_change", made.pk)
