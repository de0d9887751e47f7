"""Rate limits of the API: so many requests a minute for each client, user or address."""

import time
from typing import Any

import redis
from django.conf import settings
from django.core.cache import cache
from rest_framework.throttling import BaseThrottle

from foundation.access.scopes import is_of_an_app

WINDOW_SECONDS = 60


class Throttle(BaseThrottle):
    """Counts in Redis by fixed minutes; while Redis is away nobody is refused (reliability.md C06)."""

    def allow_request(self, request: Any, view: Any) -> bool:
        limit = settings.API_REQUESTS_PER_MINUTE
        minute, self.elapsed = divmod(int(time.time()), WINDOW_SECONDS)
        key = f"throttle:{self._who(request)}:{minute}"
        try:
            cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
            used = cache.incr(key)
        except (redis.RedisError, ValueError):
            return True
        request._request.rate_limit = (limit, max(limit - used, 0), WINDOW_SECONDS - self.elapsed)
        return used <= limit

    def wait(self) -> float:
        return WINDOW_SECONDS - self.elapsed

    def _who(self, request: Any) -> str:
        client = getattr(request.auth, "application_id", None)
        # An app is many people's: each has a limit of his own, as in a session.
        if client and not is_of_an_app(request.auth):
            return f"client:{client}"
        return f"user:{request.user.pk}" if request.user.is_authenticated else f"address:{self.get_ident(request)}"
