"""The editor of rules in the console: begin a draft, fill in its form, read it in words, rehearse it and ask for it."""

import datetime
import re
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.models import Request
from foundation.approvals.requesting import LONGEST_REASON
from foundation.refusals import Refusal
from foundation.web.fields import Day
from foundation.web.requests import actor
from points.models import PointCurrency
from tiers import (
    choosing,
    complaining,
    contrasting,
    drafting,
    enacting,
    forming,
    offering,
    proposing,
    reading,
    rehearsing,
    telling,
)
from tiers.compiling import load
from tiers.describing import Words
from tiers.documents import document_of
from tiers.models import Draft, Metric, Programme, RuleBook, Tier

MONTHS = (3, 6, 12)


class BeginForm(forms.Form):
    """What a draft is for, and what it begins from."""

    programme = forms.ModelChoiceField(
        Programme.objects.order_by("-is_main", "id"), label=_("loyalty programme"), empty_label=None
    )
    name = forms.CharField(
        label=_("name"), max_length=drafting.LONGEST_NAME, help_text=_("Such as: fewer points for silver.")
    )
    start = forms.ChoiceField(label=_("begin from"))

    def __init__(self, *args: Any, books: list[RuleBook], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        templates = [(f"template-{one.code}", f"{one} · {one.description}") for one in offering.templates()]
        versions = [(f"version-{book.pk}", str(book)) for book in books]
        self.fields["start"].choices = [
            ("in_force", _("the version in force")),
            (_("Templates"), templates),
            (_("Versions"), versions),
            ("empty", _("nothing")),
        ]


class AskForm(forms.Form):
    """From when the rules are asked for, and why. `id` makes a form that is sent twice one request."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    in_force_from = forms.DateField(label=_("in force from"), widget=Day)
    protected_until = forms.DateField(
        label=_("protected until"), widget=Day, required=False, help_text=_("Nobody drops before this date.")
    )
    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


class BackForm(forms.Form):
    """Why a version is taken up once more."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    protected_until = forms.DateField(
        label=_("protected until"), widget=Day, required=False, help_text=_("Nobody drops before this date.")
    )
    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


class WithdrawForm(forms.Form):
    """Why a version is withdrawn."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


def of_drafts() -> list[URLPattern]:
    """Return the addresses of the pages about a draft, each behind the console's door."""
    each = [("save", save), ("preview", preview), ("rehearse", rehearse), ("discard", discard), ("ask", ask)]
    return [
        path("begin/", site.admin_view(begin), name="tiers_draft_begin"),
        *(path(f"<int:draft_id>/{name}/", site.admin_view(view), name=f"tiers_draft_{name}") for name, view in each),
    ]


def of_books() -> list[URLPattern]:
    """Return the addresses of the pages about a version, each behind the console's door."""
    each = [("back", back), ("withdraw", withdraw)]
    return [path(f"<int:book_id>/{name}/", site.admin_view(view), name=f"tiers_rulebook_{name}") for name, view in each]


def may_propose(request: HttpRequest) -> bool:
    """Tell whether the user may work on drafts."""
    return request.user.has_perm(proposing.MAY_PROPOSE)


def _must_be_allowed(request: HttpRequest, *, post: bool = False) -> None:
    if not may_propose(request) or (post and request.method != "POST"):
        raise PermissionDenied


def _trail(request: HttpRequest) -> dict[str, Any]:
    return {"actor": actor(request), "at": moment_of(request.user)}


def begin(request: HttpRequest) -> HttpResponse:
    """Begin a draft."""
    _must_be_allowed(request)
    books = list(RuleBook.objects.select_related("programme").order_by("programme", "-number"))
    given = {name: request.GET[name] for name in ("programme", "start") if name in request.GET}
    form = BeginForm(request.POST or None, books=books, initial={"start": "in_force"} | given)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        programme, start = said["programme"], said["start"]
        based_on = _book_to_begin_from(programme, start, books, day_of(request.user))
        document: dict[str, Any] = {}
        if based_on:
            document = document_of(load([based_on])[0])
        elif start.startswith("template-"):
            template = next(one for one in offering.templates() if f"template-{one.code}" == start)
            document = offering.fitted(template, programme=programme)
        if based_on and based_on.programme_id != programme.pk:
            form.add_error("start", _("This version is another programme's."))
        else:
            try:
                draft = transactions.commit(
                    drafting.begin, programme=programme, name=said["name"], document=document, based_on=based_on,
                    **_trail(request),
                )  # fmt: skip
            except Refusal as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            else:
                return redirect("admin:tiers_draft_change", draft.pk)
    return site.page(
        request,
        "admin/form.html",
        title=_("Begin a draft"),
        form=form,
        opts=Draft._meta,
        sentences=[
            _("Nothing changes for members until the draft is rehearsed, approved by another person and in force.")
        ],
    )


def _book_to_begin_from(
    programme: Programme, start: str, books: list[RuleBook], today: datetime.date
) -> RuleBook | None:
    if start == "in_force":
        return proposing.book_in_force(programme, as_of=today)
    return next((book for book in books if f"version-{book.pk}" == start), None)


def page(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Show a draft: its form where it may be changed, its rules in words, and what may be done with it."""
    return _page(request, draft, document=draft.document, name=draft.name)


def save(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Keep what was typed and do what its button says: add or remove a way or a condition."""
    _must_be_allowed(request, post=True)
    draft = _found(draft_id)
    tiers = list(draft.programme.tiers.order_by("rank"))
    document = forming.typed(request.POST, tiers=tiers)
    document, anchor = _altered(document, request.POST.get("do", ""), tiers)
    name = request.POST.get("name", "")
    try:
        transactions.commit(
            drafting.save, draft_id=draft.pk, name=name, document=document, seen=request.POST.get("seen", ""),
            **_trail(request),
        )  # fmt: skip
    except drafting.NoSuchDraft as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        response = _page(request, _found(draft_id), document=document, name=name, refused=refusal)
        response.status_code = refusal.status
        return response
    if not anchor:
        messages.success(request, _("Saved."))
    return redirect(f"{reverse('admin:tiers_draft_change', args=[draft.pk])}{anchor and '#'}{anchor}")


def _altered(document: dict[str, Any], button: str, tiers: list[Tier]) -> tuple[dict[str, Any], str]:
    """Return the document after a button was pressed, and where on the page to go on."""
    verb, *rest = button.split(":")
    conditions = list(document.get("conditions", ()))
    codes = [tier.code for tier in tiers]
    tier, group = (
        (rest[0] if rest and rest[0] in codes else ""),
        int(rest[1]) if len(rest) > 1 and rest[1].isdigit() else 1,
    )
    of_tier = [one for one in conditions if one.get("tier") == tier]
    added: dict[str, Any] | None = None
    match verb:
        case "way" if tier:
            numbers = [one["group"] for one in of_tier if isinstance(one.get("group"), int)]
            added = {"tier": tier, "group": max(numbers, default=0) + 1}
        case "condition" if tier:
            added = {"tier": tier, "group": group}
        case "exclude" if tier:
            added = {"tier": tier, "metric": Metric.RISK_GRADE.value, "excludes": True}
        case "up" if tier:
            way = [one for one in of_tier if one.get("group", 1) == group and not one.get("excludes")]
            above = [code for code in codes[codes.index(tier) + 1 :] if _lacks(conditions, code, group)]
            conditions += [one | {"tier": code} for code in above for one in way]
        case "remove" if rest and re.fullmatch(r"\d{1,4}", rest[0]):
            return document | {"conditions": _without(conditions, int(rest[0]))}, "conditions"
        case _:
            return document, ""
    if added:
        conditions.append(added)
    conditions = forming.in_order(conditions, tiers)
    focus = "enter" if added and added.get("excludes") else "metric"
    place = next((index for index, one in enumerate(conditions) if one is added), None)
    return document | {"conditions": conditions}, f"c-{place}-{focus}" if place is not None else f"tier-{tier}"


def _lacks(conditions: list[dict[str, Any]], code: str, group: int) -> bool:
    asked = [one for one in conditions if one.get("tier") == code and not one.get("excludes")]
    return not any(one.get("group", 1) == group for one in asked)


def _without(conditions: list[dict[str, Any]], place: int) -> list[dict[str, Any]]:
    return conditions[:place] + conditions[place + 1 :]


def preview(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Give what stands beside the form, for what is typed in it and not saved yet."""
    _must_be_allowed(request, post=True)
    draft = _found(draft_id)
    tiers = list(draft.programme.tiers.order_by("rank"))
    document = forming.typed(request.POST, tiers=tiers)
    return TemplateResponse(request, "admin/draft_words.html", _in_words(draft, document, tiers, day_of(request.user)))


def _in_words(draft: Draft, document: dict[str, Any], tiers: list[Tier], today: datetime.date) -> dict[str, Any]:
    """Return a document's complaints or, of one in order, its sentences in every language and its differences."""
    try:
        ladder = reading.ladder_of(document=document, programme=draft.programme, in_force_from=today)
    except reading.InvalidRuleBook as refusal:
        return {"errors": complaining.by_field(refusal.complaints, tiers=tiers), "count": len(refusal.complaints)}
    words, present = Words(), proposing.ladder_in_force(draft.programme, as_of=today)
    return {
        "errors": {},
        "wordings": telling.in_each_language(ladder, words),
        "present": present.rule_book if present else None,
        "differences": contrasting.contrast(present, ladder, words),
    }


def _page(
    request: HttpRequest, draft: Draft, *, document: dict[str, Any], name: str, refused: Refusal | None = None
) -> HttpResponse:
    tiers = list(draft.programme.tiers.order_by("rank"))
    today = day_of(request.user)
    in_words = _in_words(draft, document, tiers, today)
    asked = drafting.request_for(draft)
    is_open = draft.state == Draft.State.OPEN and asked is None
    growth = PointCurrency.objects.filter(kind=PointCurrency.Kind.GROWTH).order_by("id")
    may_change = is_open and may_propose(request)
    context = in_words | {
        "opts": Draft._meta,
        "title": draft.name,
        "draft": draft,
        "name": name,
        "form": forming.laid_out(
            document, tiers=tiers, currencies=growth, errors=in_words["errors"], codes=choosing.codes()
        )
        if may_change
        else None,
        "may_change": may_change,
        "may_propose": may_propose(request),
        "asked": asked,
        "refused": refused,
        "months": MONTHS,
        "rehearsal": draft.programme.rehearsals.filter(digest=draft.digest).order_by("-pk").first(),
        "may_see_rehearsals": request.user.has_perm("tiers.view_rehearsal"),
    }
    return site.page(request, "admin/draft.html", **context)


def rehearse(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Start the rehearsal of a draft as it was saved."""
    _must_be_allowed(request, post=True)
    draft = _found(draft_id)
    months = int(request.POST["months"]) if request.POST.get("months") in map(str, MONTHS) else MONTHS[-1]
    try:
        started = transactions.commit(
            rehearsing.start, document=draft.document, programme=draft.programme, months=months, **_trail(request)
        )
    except Refusal as refusal:
        response = _page(request, draft, document=draft.document, name=draft.name, refused=refusal)
        response.status_code = refusal.status
        return response
    return redirect("admin:tiers_rehearsal_change", started.pk)


def discard(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Set a draft aside."""
    _must_be_allowed(request, post=True)
    try:
        transactions.commit(drafting.discard, draft_id=draft_id, **_trail(request))
    except drafting.NoSuchDraft as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        draft = _found(draft_id)
        response = _page(request, draft, document=draft.document, name=draft.name, refused=refusal)
        response.status_code = refusal.status
        return response
    messages.success(request, _("Set aside. It stays to be read."))
    return redirect("admin:tiers_draft_changelist")


def ask(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Ask for a draft to come into force."""
    _must_be_allowed(request)
    draft = _found(draft_id)
    first = enacting.first_start(as_of=day_of(request.user))
    initial = {"id": uuid.uuid4(), "seen": draft.digest, "in_force_from": first}
    form = AskForm(request.POST or None, initial=initial)
    return _asking(
        request, form, proposing.ask, title=_("Ask for these rules"), opts=Draft._meta,
        sentences=[draft.name, _("Another person decides.")], draft_id=draft.pk,
    )  # fmt: skip


def back(request: HttpRequest, book_id: int) -> HttpResponse:
    """Ask to go back to an older version."""
    _must_be_allowed(request)
    book = get_object_or_404(RuleBook.objects.select_related("programme", "withdrawal"), pk=book_id)
    form = BackForm(request.POST or None, initial={"id": uuid.uuid4()})
    sentences = [
        str(book),
        _(
            "A new version with these rules comes into force on the day after the approval. Decisions made until then stay."
        ),
        _("Another person decides."),
    ]
    return _asking(
        request, form, proposing.ask_to_roll_back, title=_("Go back to this version"), opts=RuleBook._meta,
        sentences=sentences, book=book,
    )  # fmt: skip


def withdraw(request: HttpRequest, book_id: int) -> HttpResponse:
    """Ask for the withdrawal of a version to come."""
    _must_be_allowed(request)
    book = get_object_or_404(RuleBook.objects.select_related("programme"), pk=book_id)
    form = WithdrawForm(request.POST or None, initial={"id": uuid.uuid4()})
    sentences = [str(book), _("It stays to be read, and never comes into force."), _("Another person decides.")]
    return _asking(
        request, form, proposing.ask_to_withdraw, title=_("Withdraw this version"), opts=RuleBook._meta,
        sentences=sentences, book=book,
    )  # fmt: skip


def _asking(
    request: HttpRequest, form: forms.Form, verb: Any, *, title: Any, opts: Any, sentences: list[Any], **subject: Any
) -> HttpResponse:
    """Show a form that asks for something under four eyes, or ask for it."""
    if request.method == "POST" and form.is_valid():
        try:
            made: Request = transactions.commit(verb, **subject, **form.cleaned_data, **_trail(request))
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, _("Asked for. Another person decides."))
            return redirect("admin:approvals_request_change", made.pk)
    return site.page(request, "admin/form.html", title=title, form=form, opts=opts, sentences=sentences)


def _found(draft_id: int) -> Draft:
    return get_object_or_404(
        Draft.objects.select_related("programme", "based_on__programme", "rule_book__programme"), pk=draft_id
    )
