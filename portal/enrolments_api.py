"""The API of joining, for an app that nobody has signed in to yet: details, code, consents.

The app makes a secret of its own and sends it with each request as Enrolment-Secret: it is who began.
"""

import hmac
import re
import uuid
from typing import Any

from django.http import HttpResponse
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from foundation import periods, transactions
from foundation.idempotency import answering
from foundation.jobs import clock
from foundation.reading import LANGUAGES
from foundation.refusals import Refusal
from foundation.web import idempotency
from foundation.web.requests import actor
from foundation.web.views import ApiView
from members import accepting, consents, joining, verifying
from members.consent_texts import Channel
from members.details import LONGEST_CONTACT, SENTENCES, Details
from members.models import Enrolment
from portal.consents_api import MOST, PURPOSES, ChoiceIn, choices_of

HEADER = "Enrolment-Secret"
SECRET = re.compile(r"[A-Za-z0-9_-]{22,100}")
SECRET_HEADER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="22 to 100 letters, digits, _ or - that the app made at random and keeps to itself: 128 bits at least.",
)
# The details' fields as the API names them.
NAMES = {"full_name": "name", "birth_date": "birthDate", "national_id": "nationalId"}


class SecretMissing(Refusal):
    code = "enrolment_secret_missing"
    status = 400
    sentence = _("Send the app's own secret as Enrolment-Secret: 22 to 100 letters, digits, _ or -.")


class EnrolmentIn(serializers.Serializer):
    """Who joins: a name, and a mobile number or a mail address that a code is sent to."""

    name = serializers.CharField(max_length=400, source="full_name")
    phone = serializers.CharField(max_length=LONGEST_CONTACT, required=False, allow_blank=True, default="")
    email = serializers.CharField(max_length=LONGEST_CONTACT, required=False, allow_blank=True, default="")
    birthDate = serializers.DateField(required=False, allow_null=True, default=None, source="birth_date")  # noqa: N815
    nationalId = serializers.CharField(  # noqa: N815
        max_length=LONGEST_CONTACT, required=False, allow_blank=True, default="", source="national_id"
    )
    language = serializers.ChoiceField(choices=LANGUAGES, required=False)

    def validate(self, typed: dict[str, Any]) -> dict[str, Any]:
        """Bring what was typed into one form, as `details`; say every fault at its field."""
        details = Details.of(**({"language": get_language() or "en"} | typed))
        if faults := details.faults(today=clock.today()):
            raise serializers.ValidationError(
                {
                    NAMES.get(field, field): exceptions.ErrorDetail(str(SENTENCES[code]), code=code)
                    for field, code in faults.items()
                }
            )
        return {"details": details}


class TextOut(serializers.Serializer):
    """A text to agree to; without a yes to those that are required nobody joins."""

    purpose = serializers.ChoiceField(choices=PURPOSES)
    version = serializers.IntegerField()
    title = serializers.CharField()
    text = serializers.CharField()
    required = serializers.BooleanField(source="is_required")


class EnrolmentOut(serializers.Serializer):
    """An enrolment: `reference` lets it go on elsewhere, `sentTo` says, masked, where its code went, `texts` what is asked."""

    id = serializers.CharField()
    reference = serializers.CharField()
    state = serializers.ChoiceField(choices=Enrolment.State.choices)
    sentBy = serializers.ChoiceField(choices=Enrolment.Via.choices)  # noqa: N815
    sentTo = serializers.CharField(allow_blank=True)  # noqa: N815
    expiresAt = serializers.DateTimeField()  # noqa: N815
    memberNumber = serializers.CharField(allow_null=True)  # noqa: N815
    texts = TextOut(many=True)


class CodeIn(serializers.Serializer):
    """The code that came."""

    code = serializers.CharField(max_length=40)


class AcceptanceIn(serializers.Serializer):
    """The consents, and a password if he wants one; without it he signs in by code."""

    consents = ChoiceIn(many=True, allow_empty=False, max_length=MOST)
    password = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", trim_whitespace=False, write_only=True
    )


class ResumptionIn(serializers.Serializer):
    """The reference of what was begun elsewhere."""

    reference = serializers.CharField(max_length=20)


class ResumptionOut(serializers.Serializer):
    """The code that was sent to whoever began, if that enrolment is open."""

    id = serializers.CharField()


class JoiningView(ApiView):
    """The base of the views: open to everybody, by the app's own secret."""

    authentication_classes: list = []
    permission_classes = [AllowAny]

    def secret(self, request: Request) -> str:
        """Return the app's secret; refuses enrolment_secret_missing."""
        given = request.headers.get(HEADER, "")
        if not SECRET.fullmatch(given):
            raise SecretMissing
        return given

    def own(self, request: Request, enrolment_id: uuid.UUID) -> Enrolment:
        """Return the enrolment that this app began or went on with; any other does not exist for it."""
        digest = joining.digest_of(self.secret(request))
        enrolment = Enrolment.objects.select_related("member").filter(pk=enrolment_id).first()
        if enrolment is None or not hmac.compare_digest(bytes(enrolment.secret_digest or b""), digest):
            raise exceptions.NotFound
        return enrolment

    def once(self, request: Request, route: str, content: dict[str, Any]) -> answering.Request:
        """Return the request under its key, scoped by the app's secret, which also keeps the fingerprint from being guessed."""
        secret = self.secret(request)
        return answering.Request(
            caller=f"app {joining.digest_of(secret).hex()[:32]}",
            member_id=0,
            route=route,
            key=idempotency.key_of(request),
            fingerprint=answering.fingerprint({"secret": secret, "asked": content}),
            at=clock.now(),
        )


class Enrolments(JoiningView):
    """Enrolments."""

    @extend_schema(
        operation_id="beginEnrolment",
        summary="Begin to join",
        tags=["Joining"],
        auth=[],
        parameters=[SECRET_HEADER, *idempotency.PARAMETERS],
        request=EnrolmentIn,
        responses={201: EnrolmentOut},
    )
    def post(self, request: Request) -> HttpResponse:
        """Take the details and send a code. Whether the bank knows somebody like this makes no difference to the answer."""
        secret = self.secret(request)
        parsed = EnrolmentIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        once = self.once(request, "POST /enrolments", {"details": f"{parsed.validated_data['details']}"})
        begun = {"details": parsed.validated_data["details"], "secret": secret, "at": once.at, "actor": actor(request)}
        return idempotency.sent(transactions.commit(_begin, idempotency=once, **begun))


class OneEnrolment(JoiningView):
    """One enrolment."""

    @extend_schema(
        operation_id="getEnrolment",
        summary="Read how far joining is",
        tags=["Joining"],
        auth=[],
        parameters=[SECRET_HEADER],
        responses={200: EnrolmentOut},
    )
    def get(self, request: Request, enrolment_id: uuid.UUID) -> Response:
        """Give the enrolment's state and what is asked."""
        return Response(told(self.own(request, enrolment_id)))


class EnrolmentCodes(JoiningView):
    """The codes of an enrolment."""

    @extend_schema(
        operation_id="sendEnrolmentCode",
        summary="Send another code",
        tags=["Joining"],
        auth=[],
        parameters=[SECRET_HEADER],
        request=None,
        responses={202: EnrolmentOut},
    )
    def post(self, request: Request, enrolment_id: uuid.UUID) -> Response:
        """Send another code; the one before no longer counts."""
        enrolment = self.own(request, enrolment_id)
        sent = {"at": clock.now(), "actor": actor(request)}
        transactions.commit(joining.send_again, enrolment_id=enrolment.pk, **sent)
        return Response(told(enrolment), status=202)


class EnrolmentVerification(JoiningView):
    """The check of an enrolment's code."""

    @extend_schema(
        operation_id="verifyEnrolment",
        summary="Bring the code that came",
        tags=["Joining"],
        auth=[],
        parameters=[SECRET_HEADER],
        request=CodeIn,
        responses={200: EnrolmentOut},
    )
    def post(self, request: Request, enrolment_id: uuid.UUID) -> Response:
        """Try the code: 422 code_refused where it is wrong, used, replaced, over, or was tried five times."""
        enrolment = self.own(request, enrolment_id)
        code = enrolment.codes.order_by("-sent_at").first()
        found = code and _verify(request, code.pk, secret="")
        return Response(told(_found(found)))


class EnrolmentAcceptance(JoiningView):
    """The end of an enrolment."""

    @extend_schema(
        operation_id="acceptEnrolment",
        summary="Agree, and become a member",
        tags=["Joining"],
        auth=[],
        parameters=[SECRET_HEADER, *idempotency.PARAMETERS],
        request=AcceptanceIn,
        responses={201: EnrolmentOut},
    )
    def post(self, request: Request, enrolment_id: uuid.UUID) -> HttpResponse:
        """Write the consents and make the member; the answer holds his number, under which he signs in."""
        enrolment = self.own(request, enrolment_id)
        parsed = AcceptanceIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        given = parsed.validated_data
        once = self.once(request, "POST /enrolments/acceptance", {"enrolment": f"{enrolment.pk}", **given})
        accepted = {"enrolment_id": enrolment.pk, "choices": choices_of(given["consents"])}
        accepted |= {"password": given["password"], "at": once.at, "actor": actor(request)}
        return idempotency.sent(transactions.commit(_accept, idempotency=once, **accepted))


class Resumptions(JoiningView):
    """Going on with what was begun elsewhere."""

    @extend_schema(
        operation_id="resumeEnrolment",
        summary="Go on with what was begun elsewhere",
        tags=["Joining"],
        auth=[],
        request=ResumptionIn,
        responses={202: ResumptionOut},
    )
    def post(self, request: Request) -> Response:
        """Send a code to whoever began the enrolment of a reference; one that is not open is answered alike."""
        parsed = ResumptionIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        asked = {"reference": parsed.validated_data["reference"], "at": clock.now(), "actor": actor(request)}
        return Response({"id": f"cod_{transactions.commit(joining.resume, **asked).pk.hex}"}, status=202)


class OneResumption(JoiningView):
    """The check of the code that lets an enrolment go on."""

    @extend_schema(
        operation_id="verifyResumption",
        summary="Bring the code, and go on here",
        tags=["Joining"],
        auth=[],
        parameters=[SECRET_HEADER],
        request=CodeIn,
        responses={200: EnrolmentOut},
    )
    def post(self, request: Request, code_id: uuid.UUID) -> Response:
        """Try the code; where it is right this app goes on with the enrolment, and no other does."""
        return Response(told(_found(_verify(request, code_id, secret=self.secret(request)))))


def told(enrolment: Enrolment) -> dict[str, Any]:
    """Return an enrolment as the API tells it."""
    shown = {
        "id": f"enr_{enrolment.pk.hex}",
        "reference": enrolment.reference,
        "state": enrolment.state,
        "sentBy": enrolment.via,
        "sentTo": enrolment.masked_contact,
        "expiresAt": enrolment.expires_at,
        "memberNumber": enrolment.member.number if enrolment.member else None,
        "texts": consents.asked(on=clock.today()),
    }
    return EnrolmentOut(shown).data


def _begin(*, details: Details, **more: Any) -> answering.Answer:
    via = Enrolment.Via.SMS if details.phone else Enrolment.Via.MAIL
    today = periods.day_of(more["at"])
    return idempotency.answer(
        201, told(joining.begin(details=details, via=via, channel=Channel.APP, today=today, **more))
    )


def _accept(**accepted: Any) -> answering.Answer:
    accepting.accept(channel=Channel.APP, today=periods.day_of(accepted["at"]), **accepted)
    return idempotency.answer(201, told(Enrolment.objects.select_related("member").get(pk=accepted["enrolment_id"])))


def _verify(request: Request, code_id: uuid.UUID, *, secret: str) -> Enrolment | None:
    parsed = CodeIn(data=request.data)
    parsed.is_valid(raise_exception=True)
    tried = {"code_id": code_id, "given": parsed.validated_data["code"], "secret": secret}
    return transactions.commit(joining.verify, **tried, at=clock.now(), actor=actor(request))


def _found(enrolment: Enrolment | None) -> Enrolment:
    """Return what was verified; refuse (code_refused) only here, where the attempt has been committed."""
    if enrolment is None:
        raise verifying.CodeRefused(field="code")
    return enrolment


urlpatterns = [
    path("enrolments", Enrolments.as_view()),
    path("enrolments/resumptions", Resumptions.as_view()),
    path("enrolments/resumptions/<cod:code_id>", OneResumption.as_view()),
    path("enrolments/<enr:enrolment_id>", OneEnrolment.as_view()),
    path("enrolments/<enr:enrolment_id>/codes", EnrolmentCodes.as_view()),
    path("enrolments/<enr:enrolment_id>/verification", EnrolmentVerification.as_view()),
    path("enrolments/<enr:enrolment_id>/acceptance", EnrolmentAcceptance.as_view()),
]
