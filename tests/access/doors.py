"""Every address of the site with the methods it answers to, and addresses of things that are there."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator
from rest_framework.views import APIView

from campaigns.models import EarningRule
from foundation.access.models import SystemClient
from foundation.web import problems
from tests.access.conftest import Estate, Side
from tiers.models import Programme

METHODS = ("get", "post", "put", "patch", "delete")
PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
Door = tuple[str, str]  # method, route


def routes(patterns: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each route as it is written, with its pattern."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = f"{before}{pattern.pattern}"
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route, pattern


def doors() -> list[Door]:
    """Return every method and route: of an API view the methods it has, else GET and POST."""
    found = []
    for route, pattern in routes():
        if getattr(pattern.callback, "__wrapped__", None) is problems.not_found:
            # It catches what leads nowhere.
            continue
        view = getattr(pattern.callback, "cls", None)
        api = view is not None and issubclass(view, APIView)
        methods = [name for name in METHODS if hasattr(view, name)] if api else ["get", "post"]
        found += [(name.upper(), route) for name in methods]
    return found


def operations() -> set[Door]:
    """Return the operations of the API's description, by method and path, parameters without names."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return {(method.upper(), re.sub(r"{\w+}", "{}", path)) for path, item in paths.items() for method in item}


def address(route: str, estate: Estate, side: Side) -> str:
    """Return the address of a route about the things of one side, or of the bank where they are its own."""
    redemption = f"rdm_{side.redemption.pk.hex}"
    values = {
        "member_id": f"mem_{side.member.pk}" if "mem:" in route else side.member.pk,
        "currency_id": side.redemption.currency_id,
        "number": 1,
        "code": "not_found" if "problems" in route else "points",
        "month": "2026-03",
        "form": "csv",
        "redemption_id": redemption,
        "file_id": side.file.pk,
        "import_id": side.imported.pk,
        "kind": "members",
        # An event, but no look at anybody.
        "look": side.event.pk,
        "app_id": f"app_{the_app()}" if "app:" in route else the_app(),
        "date": "2026-03-02",
        "place": side.place.pk,
        "kept_id": side.member.pk,
        "gone_id": side.merge.gone_id,
        "merge_id": side.merge.pk,
        "pk": side.protection.pk,
        "enrolment_id": f"enr_{side.enrolment.pk.hex}" if "enr:" in route else side.enrolment.pk,
        "code_id": f"cod_{side.code.pk.hex}" if "cod:" in route else side.code.pk,
        "secret": "nobody-knows",
        "doing": "suspend",
        "rehearsal_id": f"reh_{estate.rehearsal.pk}" if "reh:" in route else estate.rehearsal.pk,
        # Of nobody.
        "factor_id": 1,
        "sign_in_id": 1,
        "export_id": f"exp_{side.export.pk.hex}" if "exp:" in route else side.export.pk,
        "hold_id": estate.hold.pk if "privacy/" in route else side.hold.pk,
        "destruction_id": estate.destruction.pk,
        "draft_id": f"drf_{estate.draft.pk}" if "drf:" in route else estate.draft.pk,
        "book_id": thing("tiers/rulebook", estate, side),
        "object_id": thing(route, estate, side),
    }
    return "/" + PARAMETER.sub(lambda found: str(values[found[2]]), route)


def the_app() -> int:
    """Return the id of the app that the near member's phone may have."""
    return SystemClient.objects.get(client_id="member-app").pk


def thing(route: str, estate: Estate, side: Side) -> Any:
    """Return the id of what a page of the console is about."""
    programme = Programme.objects.get()
    ids = {
        "members/member": side.member.pk,
        "approvals/request": side.request.pk,
        "access/staffposting": side.posting.pk,
        "audit/auditevent": side.event.pk,
        "outbox/obligation": side.obligation.pk,
        "campaigns/earningrule": EarningRule.objects.earliest("id").pk,
        "tiers/programme": programme.pk,
        "tiers/rulebook": programme.rule_books.get().pk,
        "tiers/draft": estate.draft.pk,
        "tiers/rehearsal": estate.rehearsal.pk,
        "points/pointcurrency": side.redemption.currency_id,
        "privacy/destruction": estate.destruction.pk,
        "privacy/certificate": estate.certificate.pk,
        "jobs/jobrun": estate.run.pk,
        "activity/intake": estate.intake.pk,
        "importing/import": side.imported.pk,
    }
    return next((value for part, value in ids.items() if part in route), uuid.UUID(int=0))
