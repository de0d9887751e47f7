"""Browsing in the staff console: lists that never count, filters, and pages that only read.

Every admin of ours derives from `BrowseAdmin`; a change is a verb behind a form of its own (house-style 21).
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

AFTER = "after"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A titled part of a reading page: sentences, then a table whose columns in `numbers` are figures; `empty` where it has no rows."""

    title: Any
    sentences: Sequence[Any] = ()
    headers: Sequence[Any] = ()
    rows: Sequence[Sequence[Any]] = ()
    numbers: frozenset[int] = frozenset()
    empty: Any = ""


def pill(kind: str, label: Any) -> str:
    """Return a label as a pill of the style sheet's class `kind`, such as status-done or tier-gold."""
    return format_html('<span class="pill {}">{}</span>', kind, label)


def status_pill(row: Any) -> str:
    """Return a row's status as a pill."""
    return pill(f"status-{row.status}", row.get_status_display())


def tier_pills(tiers: Iterable[Any]) -> str:
    """Return tiers as pills of their colours."""
    return format_html_join(" ", "{}", ((pill(f"tier-{tier.code}", tier),) for tier in tiers))


class Choice(admin.SimpleListFilter):
    """A filter shown as a select in the list's one form; what it doesn't offer filters nothing."""

    template = "admin/select_filter.html"

    def value(self) -> str | None:
        offered = {str(value) for value, _label in self.lookup_choices}
        return super().value() if super().value() in offered else None


def choose(field: str) -> type[Choice]:
    """Return the filter by a model field that has choices."""

    class ByField(Choice):
        parameter_name = field

        def __init__(self, request, params, model, model_admin) -> None:
            self.title = capfirst(model._meta.get_field(field).verbose_name)
            super().__init__(request, params, model, model_admin)

        def lookups(self, request, model_admin):
            return model_admin.model._meta.get_field(field).flatchoices

        def queryset(self, request, queryset):
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    return ByField


def past(key: Sequence[str], row: Model) -> Q:
    """Return the condition of what comes after `row` in the order `key`, whose last name is unique."""
    after, equal = Q(), Q()
    for name in key:
        field = name.lstrip("-")
        value = getattr(row, field)
        after |= equal & Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": value})
        equal &= Q(**{field: value})
    return after


class KeysetList(ChangeList):
    """A list in one fixed order, paged by the last row shown, so that no page costs more than the first and nothing is counted."""

    def get_filters_params(self, params=None) -> dict[str, Any]:
        known = super().get_filters_params(params)
        known.pop(AFTER, None)
        return known

    def get_ordering(self, request, queryset) -> list[str]:
        return list(self.model_admin.keyset)

    def get_ordering_field_columns(self) -> dict[int, str]:
        return {}

    def get_results(self, request: HttpRequest) -> None:
        rows = self.queryset
        last = self.filter_params.pop(AFTER, [None])[-1]
        if last:
            rows = rows.filter(past(self.model_admin.keyset, self._row(last)))
        page = list(rows[: self.list_per_page + 1])
        self.result_list = page[: self.list_per_page]
        self.result_count = len(self.result_list)
        self.show_full_result_count = self.show_admin_actions = self.can_show_all = self.multi_page = False
        self.first_url = self.get_query_string() if last else ""
        more = len(page) > self.list_per_page
        self.next_url = self.get_query_string({AFTER: self.result_list[-1].pk}) if more else ""

    def _row(self, pk: str) -> Model:
        try:
            return self.root_queryset.select_related(None).prefetch_related(None).get(pk=pk)
        except (self.model.DoesNotExist, ValueError, ValidationError) as error:
            raise Http404 from error


class BrowseAdmin(admin.ModelAdmin):
    """A list and, unless `list_display_links` is None, a reading page; nothing is added, changed or deleted.

    `keyset` is the list's order and ends in a unique field.
    """

    keyset: tuple[str, ...] = ("id",)
    actions = None
    sortable_by = ()
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    empty_value_display = "–"
    intro: Any = ""
    empty: Any = _("Nothing here yet.")

    @property
    def media(self) -> forms.Media:
        """Load nothing of Django's own scripts: the pages have no widgets that need them."""
        return forms.Media()

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def get_changelist(self, request, **kwargs) -> type[KeysetList]:
        return KeysetList

    def get_urls(self) -> list:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        urls = [path("", view(self.changelist_view), name=f"{name}_changelist")]
        if self.list_display_links is not None:
            urls.append(path("<path:object_id>/", view(self.page_view), name=f"{name}_change"))
        return urls

    def changelist_view(self, request, extra_context=None) -> HttpResponse:
        if request.method != "GET":
            raise PermissionDenied
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(
            request, {"title": title, "intro": self.intro, "empty": self.empty, **(extra_context or {})}
        )

    def found(self, request: HttpRequest, object_id: str) -> Model:
        """Return the object out of what the user can see; anything else is not found."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        return obj

    def page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one object: its facts, then its sections."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = self.found(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": self.heading(obj),
            "list_title": capfirst(self.opts.verbose_name_plural),
            "verb": self.verb(request, obj),
            "more_verbs": self.more_verbs(request, obj),
            "facts": self.facts(request, obj),
            "sections": self.sections(request, obj),
        }
        return TemplateResponse(request, "admin/reading.html", context)

    def heading(self, obj: Model) -> str:
        """Return the page's title."""
        return str(obj)

    def verb(self, request: HttpRequest, obj: Any) -> dict[str, Any] | None:
        """Return the address and label of what this user may do to the object here, if there is anything."""
        return None

    def more_verbs(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """Return what else he may do to it, in the same form."""
        return []

    def facts(self, request: HttpRequest, obj: Any) -> list[tuple[Any, Any]]:
        """Return the object's figures as pairs of label and value."""
        return []

    def sections(self, request: HttpRequest, obj: Any) -> list[Section]:
        """Return the parts of the reading page."""
        return []

    def get_queryset(self, request) -> QuerySet:
        return self.model._default_manager.all()
