"""The API of the member's own data: a copy of all of it, and the wish to be erased."""

from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from django.urls import path
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.web.requests import actor
from members.consent_texts import Channel
from portal.api import MemberView
from portal.my_data import streamed
from privacy import barriers, confirming, erasing, exporting
from privacy.models import Erasure, Export

NEWEST = 20
EXPORT_STATES = ["asked", "ready", "taken", "over"]
ERASURE_STATES = ["none", "waiting", "done"]


class ExportOut(serializers.Serializer):
    """A copy of my data: asked (being made), ready (until `expiresAt`), taken, over; `sha256` is that of its file."""

    id = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=EXPORT_STATES)
    askedAt = serializers.DateTimeField(source="asked_at")  # noqa: N815
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)  # noqa: N815
    size = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField(source="digest", allow_blank=True)

    def get_id(self, export: Export) -> str:
        return f"exp_{export.pk.hex}"


class ExportsOut(serializers.Serializer):
    """My newest copies, the newest first."""

    data = ExportOut(many=True)


class CodeSentOut(serializers.Serializer):
    """The id of a code that was sent to me."""

    codeId = serializers.CharField()  # noqa: N815


class ConfirmIn(serializers.Serializer):
    """Who I am, once more: my password, or a code that was sent to me."""

    password = serializers.CharField(max_length=128, required=False, trim_whitespace=False, write_only=True)
    codeId = serializers.RegexField(r"^cod_[0-9a-f]{32}$", required=False)  # noqa: N815
    code = serializers.CharField(max_length=40, required=False, write_only=True)


class ErasureIn(ConfirmIn):
    """My wish to be erased; `mayWait`: where only a day stands against it, keep it for that day."""

    givesUpPoints = serializers.BooleanField(default=False)  # noqa: N815
    mayWait = serializers.BooleanField(default=False)  # noqa: N815


class BarrierOut(serializers.Serializer):
    """What stands against an erasure, and from when no more, if that is known."""

    code = serializers.CharField()
    sentence = serializers.CharField()
    possibleOn = serializers.DateField(source="possible_on", allow_null=True)  # noqa: N815


class ErasureOut(serializers.Serializer):
    """How it stands with my erasure, and what stands against it now."""

    state = serializers.ChoiceField(choices=ERASURE_STATES)
    possibleOn = serializers.DateField(allow_null=True)  # noqa: N815
    certificate = serializers.CharField(allow_null=True)
    barriers = BarrierOut(many=True)


def confirmed(request: Request, kind: type[ConfirmIn]) -> dict[str, Any]:
    """Return the parsed body of who has shown who he is; refuses confirmation_refused, too_many_tries."""
    parsed = kind(data=request.data)
    parsed.is_valid(raise_exception=True)
    said = parsed.validated_data
    is_he = transactions.commit(
        confirming.confirm,
        user=request.user,
        password=said.get("password", ""),
        code_id=said["codeId"].removeprefix("cod_") if said.get("codeId") else None,
        code=said.get("code", ""),
        at=moment_of(request.user),
        actor=actor(request),
    )
    if not is_he:
        raise confirming.ConfirmationRefused
    return said


class Exports(MemberView):
    """Copies of my data."""

    # For himself alone: what an app may read is never all of him at once.
    app_scopes = {}

    @extend_schema(operation_id="listMyExports", summary="List copies", tags=["My data"], responses={200: ExportsOut})
    def get(self, request: Request) -> Response:
        """List my newest copies."""
        newest = Export.objects.filter(member=self.member).order_by("-asked_at")[:NEWEST]
        return Response(ExportsOut({"data": newest}).data)

    @extend_schema(
        operation_id="askForMyExport",
        summary="Ask for a copy of all my data",
        tags=["My data"],
        request=None,
        responses={202: ExportOut},
    )
    def post(self, request: Request) -> Response:
        """Ask for a copy, which is made in the background; while one is being made, answer that."""
        language = self.member.language or get_language() or settings.LANGUAGE_CODE
        made = transactions.commit(
            exporting.ask,
            member=self.member,
            channel=Channel.APP,
            language=language,
            at=moment_of(request.user),
            actor=actor(request),
        )
        return Response(ExportOut(made).data, status=202)


class MyExport(MemberView):
    """One copy of my data."""

    app_scopes = {}

    @extend_schema(operation_id="getMyExport", summary="Read a copy", tags=["My data"], responses={200: ExportOut})
    def get(self, request: Request, export_id: Any) -> Response:
        """Say whether a copy is ready; another's does not exist for me."""
        return Response(ExportOut(_own(self, export_id)).data)


class MyExportContent(MemberView):
    """The file of a copy."""

    app_scopes = {}

    @extend_schema(
        operation_id="takeMyExport",
        summary="Fetch a copy, once",
        tags=["My data"],
        request=ConfirmIn,
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request, export_id: Any) -> HttpResponseBase:
        """Give the file, once, to who shows once more who he is."""
        export = _own(self, export_id)
        confirmed(request, ConfirmIn)
        key = transactions.commit(exporting.take, export=export, at=moment_of(request.user), actor=actor(request))
        return streamed(export, key)


class MyCode(MemberView):
    """A code to confirm by."""

    app_scopes = {}

    @extend_schema(
        operation_id="sendMyConfirmationCode",
        summary="Send me a code to confirm by",
        tags=["My data"],
        request=None,
        responses={202: CodeSentOut},
    )
    def post(self, request: Request) -> Response:
        """Send a code to my own phone or mail address."""
        code = transactions.commit(
            confirming.send_code, member=self.member, at=moment_of(request.user), actor=actor(request)
        )
        return Response({"codeId": f"cod_{code.pk.hex}"}, status=202)


class MyErasure(MemberView):
    """My erasure."""

    app_scopes = {}

    @extend_schema(
        operation_id="getMyErasure",
        summary="Read what stands against my erasure",
        tags=["My data"],
        responses={200: ErasureOut},
    )
    def get(self, request: Request) -> Response:
        """Say whether an erasure waits, and everything that stands against it now."""
        waiting = Erasure.objects.filter(member=self.member, state=Erasure.State.WAITING).first()
        gives_up = waiting is not None and waiting.gives_up_points
        stands = barriers.standing(self.member, today=day_of(request.user), gives_up_points=gives_up)
        return Response(_erasure(waiting, stands))

    @extend_schema(
        operation_id="askForMyErasure",
        summary="Have my data destroyed",
        tags=["My data"],
        request=ErasureIn,
        responses={200: ErasureOut},
    )
    def post(self, request: Request) -> Response:
        """Destroy my data at once, for good, or keep the wish for its day; 409 with what stands against it."""
        said = confirmed(request, ErasureIn)
        asked = transactions.commit(
            erasing.ask,
            member=self.member,
            channel=Channel.APP,
            gives_up_points=said["givesUpPoints"],
            may_wait=said["mayWait"],
            today=day_of(request.user),
            at=moment_of(request.user),
            actor=actor(request),
        )
        return Response(_erasure(asked, []))

    @extend_schema(
        operation_id="withdrawMyErasure",
        summary="Take my wish to be erased back",
        tags=["My data"],
        responses={204: None},
    )
    def delete(self, request: Request) -> Response:
        """Take back a wish that waits for its day."""
        transactions.commit(erasing.withdraw, member=self.member, at=moment_of(request.user), actor=actor(request))
        return Response(status=204)


def _own(view: MemberView, export_id: Any) -> Export:
    export = Export.objects.filter(member=view.member, pk=export_id).first()
    if export is None:
        raise exceptions.NotFound
    return export


def _erasure(asked: Erasure | None, stands: list[barriers.Barrier]) -> dict[str, Any]:
    certificate = erasing.certificate_of(asked.member_id) if asked else None
    told = {
        "state": asked.state if asked else "none",
        "possibleOn": asked.possible_on if asked else None,
        "certificate": certificate.number if certificate else None,
        "barriers": stands,
    }
    return ErasureOut(told).data


urlpatterns = [
    path("exports", Exports.as_view()),
    path("exports/<exp:export_id>", MyExport.as_view()),
    path("exports/<exp:export_id>/content", MyExportContent.as_view()),
    path("me/confirmation-codes", MyCode.as_view()),
    path("me/erasure", MyErasure.as_view()),
]
