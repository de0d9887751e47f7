"""Logs: one JSON object a line with the request's or the run's id, and no personal data."""

import re
from typing import Any

import structlog

# What django-structlog and Django would add of a person; a user's id is enough to find him.
PERSONAL = {"ip", "user_agent", "username", "email", "phone", "name", "full_name", "password", "query"}


# What an address should never hold, and a stranger may write into one: a long number, a mail address, letters that no address of ours has.
UNTOLD = re.compile(r"\d{9,}[Xx]?|[^/\s]+@[^/\s]+|[^\x00-\x7f]+")


def drop_personal(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Remove the keys that may hold personal data, whoever bound them, and from an address its query and what no address of ours holds."""
    kept = {key: value for key, value in event.items() if key not in PERSONAL}
    if isinstance(kept.get("request"), str):
        kept["request"] = UNTOLD.sub("…", kept["request"].partition("?")[0])
    return kept


SHARED = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    drop_personal,
]


def configure(style: str) -> dict[str, Any]:
    """Configure structlog and return Django's LOGGING for `style`: json, or text for a developer's eyes."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "django.request": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
            "amqp": {"level": "WARNING"},
        },
    }
