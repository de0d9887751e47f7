"""What every operation of the OpenAPI description shares: its server, how to sign in for it, the problems it may answer with."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

from foundation.access.scopes import OF_MEMBERS
from foundation.web.idempotency import HEADER

PROBLEM = {
    "type": "object",
    "description": "A problem (RFC 9457); `code` is stable, `title` and `detail` are in the language asked for.",
    "required": ["type", "title", "status", "detail", "instance", "code", "requestId"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "requestId": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {"pointer": {"type": "string"}, "code": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
ANSWERS = {
    "400": "The request can't be read or is not valid.",
    "401": "No valid token or session.",
    "403": "The token or session does not allow this.",
    "404": "There is no such thing here.",
    "405": "This method is not allowed here.",
    "406": "No representation fits the Accept header.",
    "413": "The body is too large.",
    "415": "This media type is not supported.",
    "429": "Too many requests.",
    "503": "The service is not available just now; Retry-After says when to try again.",
}
# What an operation with an Idempotency-Key may answer, too.
ANSWERS_ONCE = {
    "409": "It is refused as things stand, or the same request is in flight.",
    "422": "What it names does not exist, or the key came before with another request.",
}


class Schema(AutoSchema):
    """Describes an operation; one that a system or an app may use says by which scope."""

    def get_auth(self) -> list[dict[str, Any]]:
        described = super().get_auth()
        if any(way.get("oauth2") for way in described):
            return described
        of_systems = getattr(self.view, "required_scopes", None)
        of_apps = getattr(self.view, "app_scopes", {}).get(self.method)
        ways = [{"oauth2": scopes} for scopes in (of_systems, [of_apps] if of_apps else None) if scopes]
        return [*ways, *(way for way in described if ways == [] or "oauth2" not in way)]


def add_flows(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give each of the two ways to a token the scopes that it can give (a drf-spectacular postprocessing hook)."""
    flows = result["components"]["securitySchemes"]["oauth2"]["flows"]
    scopes = {code: str(words) for code, words in flows["clientCredentials"]["scopes"].items()}
    flows["clientCredentials"]["scopes"] = {code: scopes[code] for code in scopes if code not in OF_MEMBERS}
    flows["authorizationCode"]["scopes"] = {code: scopes[code] for code in OF_MEMBERS}
    # A system asks again with its own credentials.
    del flows["clientCredentials"]["refreshUrl"]
    return result


def add_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give every operation its problem answers, and the document its server (a drf-spectacular postprocessing hook)."""
    result["servers"] = [{"url": "/", "description": "This site."}]
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    for path_item in result["paths"].values():
        for method, operation in path_item.items():
            once = any(parameter["name"] == HEADER for parameter in operation.get("parameters", ()))
            for status, description in (ANSWERS | (ANSWERS_ONCE if once else {})).items():
                if status in {"413", "415"} and method == "get":
                    continue
                operation["responses"].setdefault(
                    status,
                    {
                        "description": description,
                        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                    },
                )
    return result
