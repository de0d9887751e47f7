"""Strict readers of the environment: everything that is missing or wrong is said at once, before anything starts."""

import base64
import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

REQUIRED = object()


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in allowed:
            raise ValueError(f"not one of {', '.join(allowed)}")
        return raw

    return parse


def _key(raw: str) -> bytes:
    key = base64.urlsafe_b64decode(raw)
    if len(key) != 32:
        raise ValueError(f"{len(key)} bytes")
    return key


def _database(raw: str) -> dict[str, Any]:
    url = urlsplit(raw)
    if url.scheme not in {"postgres", "postgresql"} or not url.hostname or not url.path.strip("/"):
        raise ValueError("not of the form postgres://user:password@host:port/name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.strip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname,
        "PORT": str(url.port or 5432),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


def _redis(raw: str) -> str:
    if urlsplit(raw).scheme not in {"redis", "rediss"}:
        raise ValueError("not of the form redis://:password@host:port/0")
    return raw


class Environment:
    """Reads variables by name and kind; `check` raises every complaint together."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._variables = variables
        self._complaints: list[str] = []

    def _read(self, name: str, parse: Callable[[str], Any], default: Any, what: str) -> Any:
        raw = self._variables.get(name, "").strip()
        if not raw and default is not REQUIRED:
            return default
        try:
            if raw:
                return parse(raw)
            self._complaints.append(f"{name} is missing: {what}")
        except ValueError as error:
            self._complaints.append(f"{name} is wrong ({error}): {what}")
        return None

    def choice(self, name: str, *allowed: str, default: Any = REQUIRED) -> str:
        """Read one word out of `allowed`."""
        return self._read(name, _one_of(*allowed), default, f"one of {', '.join(allowed)}")

    def text(self, name: str, what: str, default: Any = REQUIRED) -> str:
        """Read any text."""
        return self._read(name, str, default, what)

    def words(self, name: str, what: str, default: Any = REQUIRED) -> list[str]:
        """Read words separated by commas."""
        return self._read(name, lambda raw: [word.strip() for word in raw.split(",") if word.strip()], default, what)

    def number(self, name: str, what: str, default: Any = REQUIRED) -> int:
        """Read a whole number."""
        return self._read(name, int, default, what)

    def numbers(self, name: str, what: str, default: Any = REQUIRED) -> list[int]:
        """Read whole numbers separated by commas."""
        return self._read(name, lambda raw: [int(word) for word in raw.split(",") if word.strip()], default, what)

    def key(self, name: str, default: Any = REQUIRED) -> bytes:
        """Read 32 random bytes, written as URL-safe base64."""
        return self._read(name, _key, default, "32 random bytes as URL-safe base64")

    def keys(self, name: str, what: str) -> list[bytes]:
        """Read any number of keys of 32 bytes, each written as URL-safe base64, separated by commas."""
        return self._read(name, lambda raw: [_key(word.strip()) for word in raw.split(",") if word.strip()], [], what)

    def database(self, name: str, default: Any = REQUIRED) -> dict[str, Any]:
        """Read a PostgreSQL URL as Django's database settings."""
        return self._read(name, _database, default, "postgres://user:password@host:port/name")

    def redis(self, name: str) -> str:
        """Read a Redis URL."""
        return self._read(name, _redis, REQUIRED, "redis://:password@host:port/0")

    def refuse(self, name: str, value: str | None, *refused: str) -> None:
        """Complain of a value that this site must not have."""
        if value in refused:
            self._complaints.append(f"{name} is wrong: not {value} here")

    def insist(self, holds: bool, name: str, what: str) -> None:
        """Complain of a variable where something about it does not hold."""
        if not holds:
            self._complaints.append(f"{name} is wrong: {what}")

    def check(self) -> None:
        """Raise one ImproperlyConfigured that lists everything missing or wrong."""
        if self._complaints:
            raise ImproperlyConfigured("The environment is incomplete:\n  " + "\n  ".join(self._complaints))
