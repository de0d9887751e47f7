"""Probes: does the process answer, and can it do its work."""

import datetime

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from foundation.jobs import beating, clock

BROKER_TIMEOUT_SECONDS = 2
# Rings come every minute; after five without one consumed, beat, broker or worker is at fault.
BEAT_LATE_AFTER = datetime.timedelta(minutes=5)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def _migrations() -> str:
    try:
        executor = MigrationExecutor(connection)
        return "pending" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"
    except DatabaseError:
        return "unknown"


def _broker() -> str:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=BROKER_TIMEOUT_SECONDS, socket_timeout=BROKER_TIMEOUT_SECONDS
    )
    try:
        client.ping()
    except redis.RedisError:
        return "unreachable"
    finally:
        client.close()
    return "ok"


def _beat() -> str:
    """Say by the age of the last ring consumed whether jobs are rung for and worked on: ok, late, never."""
    try:
        last = beating.last_beat()
        return "never" if last is None else "late" if clock.now() - last > BEAT_LATE_AFTER else "ok"
    except DatabaseError:
        return "unknown"


@never_cache
@require_GET
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_GET
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, migrations and broker are ready, else 503 with the same names.

    A lost broker or a late heartbeat (`beat`) alone does not make the site unready: members go on without them, and taking
    the web away would mend neither (reliability.md C06). It is `degraded` then, still 200.
    """
    checks = {"database": _database(), "migrations": _migrations(), "broker": _broker(), "beat": _beat()}
    ready = checks["database"] == checks["migrations"] == "ok"
    status = "not ready" if not ready else "ok" if checks["broker"] == checks["beat"] == "ok" else "degraded"
    return JsonResponse({"status": status, "checks": checks}, status=200 if ready else 503)
