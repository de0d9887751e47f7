"""Imports in the console: the history, and the five steps of one file, each on the file's own page."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from foundation import long_sheets, transactions
from foundation.access import visibility
from foundation.access.models import Branch
from foundation.access.signing_in import day_of, moment_of
from foundation.jobs.models import Bank
from foundation.money import number
from foundation.refusals import Refusal
from foundation.web.browsing import BrowseAdmin, status_pill
from foundation.web.downloading import download
from foundation.web.requests import actor
from importing import asking, complaining, going_on, undoing, uploading
from importing.kinds import KINDS
from importing.loading import OUTCOMES
from importing.models import MAY_START, Import
from points.models import PointCurrency

ROOM = 64 * 1024
FORMS = ("csv", "xlsx")
TOTAL = r"\A\s*-?[0-9]{1,15}(\.[0-9]{1,2})?\s*\Z"


def importable(request: HttpRequest) -> Any:
    """Return the branches, whole subtrees, that the user may import into: the outermost of his postings."""
    paths = visibility.paths(request.user, permission=MAY_START, on=day_of(request.user))
    return Branch.objects.filter(path__in=paths).order_by("path")


class StartForm(forms.Form):
    """What the file holds, where it comes from, and the file."""

    kind = forms.ChoiceField(label=_("what the file holds"), choices=Import.Kind.choices)
    source = forms.CharField(
        label=_("source"),
        max_length=40,
        help_text=_("The system that the file comes from, as a short word: the mapping is remembered by it."),
    )
    branch = forms.ModelChoiceField(Branch.objects.none(), label=_("into branch"), empty_label=None)
    file = forms.FileField(
        label=_("file"),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv"}),
        help_text=_("xlsx, or CSV in UTF-8 or GB18030; 32 MB at most."),
    )
    control_total = forms.RegexField(
        TOTAL,
        label=_("control total"),
        required=False,
        error_messages={"invalid": _("The total must read like 1234 or 1234.50.")},
        help_text=_(
            "The sum of the points of all rows, of their balances in money, or their number. Opening points can't do without."
        ),
    )

    def __init__(self, *args: Any, branches: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["branch"].queryset = branches

    def clean(self) -> dict[str, Any]:
        """Take the control total in points, minor units or rows, whichever the kind has."""
        said = super().clean() or {}
        units, point, cents = (said.get("control_total") or "").strip().partition(".")
        if point and said.get("kind") != Import.Kind.SNAPSHOTS:
            self.add_error("control_total", _("This total is a whole number."))
        elif units and said.get("kind") == Import.Kind.SNAPSHOTS:
            minor = abs(int(units)) * 100 + int(cents.ljust(2, "0"))
            said["control_total"] = -minor if units.startswith("-") else minor
        else:
            said["control_total"] = int(units) if units else None
        return said

    def asked(self) -> dict[str, Any]:
        """Return what `take_up` takes."""
        file = self.cleaned_data["file"]
        return self.cleaned_data | {"name": file.name, "file": file.file}


class ReasonForm(forms.Form):
    """Why a file is to be taken in, or an import taken back. `id` makes a form that is sent twice one request."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("reason"), max_length=400)


def takes_large_files(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a view that takes files of MOST_BYTES, which the cap on uploads lets through."""
    view.most_upload_bytes = long_sheets.MOST_BYTES + ROOM  # type: ignore[attr-defined]
    return view


@admin.register(Import)
class ImportAdmin(BrowseAdmin):
    keyset = ("-uploaded_at", "-id")
    list_display = (
        "__str__",
        "kind",
        "source",
        "branch",
        "rows_shown",
        "status_shown",
        "uploaded_at",
        "uploaded_by_shown",
    )
    list_select_related = ("branch", "uploaded_by")
    intro = _(
        "Files that were imported, or are on their way in. Another person approves each; opening points, finance."
    )
    empty = _("Nothing has been imported yet.")

    @admin.display(description=_("rows"))
    def rows_shown(self, import_: Import) -> str:
        return number(import_.rows) if import_.rows else ""

    @admin.display(description=_("status"))
    def status_shown(self, import_: Import) -> str:
        return status_pill(import_)

    @admin.display(description=_("uploaded by"))
    def uploaded_by_shown(self, import_: Import) -> str:
        return import_.uploaded_by.get_full_name()

    def get_queryset(self, request: HttpRequest):
        visible = Import.objects.visible_to(request.user, on=day_of(request.user))
        return visible.select_related("branch", "uploaded_by")

    def get_urls(self) -> list:
        view, each = self.admin_site.admin_view, "<uuid:import_id>"
        return [
            path("start/", view(self.start_view), name="importing_import_start"),
            path("template-<str:kind>.xlsx", view(self.template_view), name="importing_import_template"),
            path(f"{each}/map/", view(self.map_view), name="importing_import_map"),
            path(f"{each}/ask/", view(self.ask_view), name="importing_import_ask"),
            path(f"{each}/undo/", view(self.undo_view), name="importing_import_undo"),
            path(f"{each}/resume/", view(self.resume_view), name="importing_import_resume"),
            path(f"{each}/errors.<str:form>", view(self.errors_view), name="importing_import_errors"),
            *super().get_urls(),
        ]

    def changelist_view(self, request, extra_context=None) -> HttpResponse:
        verb = {"url": "start/", "label": _("Import a file")} if request.user.has_perm(MAY_START) else None
        return super().changelist_view(request, {"verb": verb, **(extra_context or {})})

    @takes_large_files
    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Give the templates, and take a file up."""
        self._must_import(request)
        given = (request.POST, request.FILES) if request.method == "POST" else ()
        form = StartForm(*given, branches=importable(request))
        if form.is_valid():
            try:
                said = {"actor": actor(request), "at": moment_of(request.user), **form.asked()}
                import_ = transactions.commit(uploading.take_up, **said)
            except Refusal as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else "file", str(refusal))
            else:
                return redirect("admin:importing_import_change", import_.pk)
        kinds = [{"code": code, "label": label} for code, label in Import.Kind.choices]
        context = {"title": _("Import a file"), "form": form, "kinds": kinds, "opts": self.opts}
        return self.admin_site.page(request, "admin/import_start.html", **context)

    def template_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """Give the workbook of a kind to fill in, headed in the reader's language, with a row that shows how."""
        self._must_import(request)
        if kind not in KINDS:
            raise Http404
        fields, language = KINDS[kind].fields, get_language() or "en"
        sample = [field.sample for field in fields]
        if kind == Import.Kind.OPENING:
            code = PointCurrency.objects.order_by("-kind", "id").values_list("code", flat=True).first()
            sample = [code if code and field.field == "currency" else field.sample for field in fields]
        headers = [field.label(language) for field in fields]
        at = moment_of(request.user)
        return download(name=f"import-{kind}", form="xlsx", title=kind, headers=headers, rows=[sample], at=at)

    def page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a file at the step it is at."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, self.found(request, object_id))

    def map_view(self, request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
        """Say which column is what, and let the rows be checked."""
        import_ = self._own(request, import_id)
        given = {field.field: request.POST.get(field.field, "") for field in KINDS[import_.kind].fields}
        places = {name: int(text) for name, text in given.items() if text.isascii() and text.isdigit()}
        return self._commit(request, import_, uploading.map_columns, places=places)

    def ask_view(self, request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
        """Ask another person to let the checked file in."""
        return self._ask(request, self._own(request, import_id), asking.ask)

    def undo_view(self, request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
        """Ask another person to take an import back."""
        return self._ask(request, self._own(request, import_id), asking.ask_to_undo)

    def resume_view(self, request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
        """Let workers go on with an import that failed."""
        return self._commit(request, self._own(request, import_id), going_on.resume)

    def errors_view(self, request: HttpRequest, import_id: uuid.UUID, form: str) -> HttpResponseBase:
        """Give the refused rows as they came, with the reasons beside them, to their importer."""
        import_ = self._own(request, import_id, post=False)
        if form not in FORMS:
            raise Http404
        at = moment_of(request.user)
        try:
            transactions.commit(complaining.give_rows, import_=import_, actor=actor(request), at=at)
        except Refusal as refusal:
            return self._page(request, import_, refused=refusal)
        rows = complaining.refused_rows(import_, language=get_language() or "en")
        headers = [*import_.headers, _("line"), _("what is wrong")]
        return download(name="import-errors", form=form, title="errors", headers=headers, rows=rows, at=at)

    def _must_import(self, request: HttpRequest) -> None:
        if not request.user.has_perm(MAY_START):
            raise PermissionDenied

    def _own(self, request: HttpRequest, import_id: uuid.UUID, *, post: bool = True) -> Import:
        """Return an import that the user uploaded himself; another's he may only read."""
        self._must_import(request)
        import_ = self.found(request, str(import_id))
        if import_.uploaded_by_id != request.user.pk or (post and request.method != "POST"):
            raise PermissionDenied
        return import_

    def _ask(self, request: HttpRequest, import_: Import, verb: Any) -> HttpResponse:
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return self._page(request, import_, form=form, status=422)
        said = {"request_id": form.cleaned_data["id"], "reason": form.cleaned_data["reason"]}
        return self._commit(request, import_, verb, done=_("Asked for. Another person decides."), **said)

    def _commit(self, request: HttpRequest, import_: Import, verb: Any, *, done: Any = "", **said: Any) -> HttpResponse:
        """Commit a verb on an import and show its page; a refusal stands at its top."""
        trail = {"actor": actor(request), "at": moment_of(request.user)}
        try:
            transactions.commit(verb, import_id=import_.pk, **said, **trail)
        except Refusal as refusal:
            obstacles = undoing.obstacles(import_)[: undoing.SHOWN] if refusal.code == "done_since" else []
            return self._page(
                request, import_, refused=refusal, obstacles=obstacles, given=said.get("places"), status=refusal.status
            )
        if done:
            messages.success(request, done)
        return redirect("admin:importing_import_change", import_.pk)

    def _page(self, request: HttpRequest, import_: Import, *, status: int = 200, **said: Any) -> HttpResponse:
        own = import_.uploaded_by_id == request.user.pk and request.user.has_perm(MAY_START)
        context = {
            "opts": self.opts,
            "title": import_.name,
            "own": own,
            "import": import_,
            "currency": Bank.objects.values_list("currency", flat=True).first() or "",
            "asked": asking.request_of(import_),
            "form": said.pop("form", None) or ReasonForm(initial={"id": uuid.uuid4()}),
            **step(import_, request, given=said.pop("given", None), refused=said.get("refused")),
            **said,
        }
        response = self.admin_site.page(request, "admin/import.html", **context)
        response.status_code = status
        return response


def step(
    import_: Import, request: HttpRequest, *, given: dict[str, int] | None, refused: Refusal | None
) -> dict[str, Any]:
    """Return what the page of an import shows at the step it is at."""
    language = get_language() or "en"
    if import_.status == Import.Status.UPLOADED:
        return {"step": 3, "columns": columns(import_, language, given=given, refused=refused)}
    done = import_.chunks.exclude(done_at=None).count() if import_.status == Import.Status.RUNNING else 0
    if import_.status == Import.Status.CHECKING:
        done = import_.chunks.exclude(checked_at=None).count()
    shown: dict[str, Any] = {"step": 5, "done": done, "chunks": import_.chunks.count()}
    if import_.status in (Import.Status.CHECKING, Import.Status.CHECKED):
        shown["step"] = 4
    if import_.refusal:
        shown["refusal"] = said_of(import_.refusal)
    if import_.counted:
        figures = import_.counted
        currencies = {currency.code: currency for currency in PointCurrency.objects.all()}
        counts = figures["counts"]
        errors = complaining.errors(import_, language=language)
        shown |= {
            "counts": [(asking.WORDS[name], counts[name]) for name in OUTCOMES],
            "wrong": counts["error"],
            "points": [
                (currencies[code], sum_)
                for code, sum_ in asking.points_by_currency(figures).items()
                if code in currencies
            ],
            "money": figures["sums"].get("money"),
            "control": asking.control_of(import_),
            "errors": errors,
            "more_errors": max(counts["error"] - len(errors), 0),
            "kept": import_.wrapped_key is not None,
            "may_change": bool(counts["new"] + counts["changed"]),
            "undoable": import_.kind in undoing.UNDOABLE,
        }
    return shown


def columns(import_: Import, language: str, *, given: dict[str, int] | None, refused: Refusal | None) -> dict[str, Any]:
    """Return each field with the columns that could fill it, the chosen one marked, and the columns that fill none."""
    chosen = import_.mapping if given is None else given
    options = [
        (place, heading or _("column %(number)s") % {"number": place + 1})
        for place, heading in enumerate(import_.headers)
    ]
    fields = [
        {
            "name": field.field,
            "label": field.label(language),
            "required": field.required,
            "sample": field.sample,
            "chosen": chosen.get(field.field),
            "error": str(refused) if refused and refused.field == field.field else "",
        }
        for field in KINDS[import_.kind].fields
    ]
    unused = [heading for place, heading in options if place not in chosen.values()]
    return {"fields": fields, "options": options, "unused": unused}


def said_of(refusal: dict[str, Any]) -> str:
    """Return a kept refusal in the reader's language."""
    for known in _refusals(Refusal):
        if known.code == refusal["code"]:
            return str(known(**refusal["parameters"]))
    return refusal["code"]


def _refusals(known: type[Refusal]) -> list[type[Refusal]]:
    return [known, *(one for child in known.__subclasses__() for one in _refusals(child))]
