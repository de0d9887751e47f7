"""Metrics for Prometheus: requests counted in the process, the state of the night read from its tables at each scrape."""

import hmac
import os
import time
from collections.abc import Callable, Iterator

import redis
from django.conf import settings
from django.db.models import Count, Max, Min
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest, multiprocess
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric

from foundation.approvals.kinds import registered
from foundation.approvals.models import Request
from foundation.jobs.models import BusinessDate, JobRun
from foundation.outbox import measuring

REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time to answer a request.",
    ["route", "method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5),
)
QUEUE = "celery"


def timing(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Observe every request under its route's pattern, never its path: no id reaches a label."""

    def observed(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = get_response(request)
        route = request.resolver_match.route if request.resolver_match else "unmatched"
        REQUEST_SECONDS.labels(route, request.method, response.status_code).observe(time.perf_counter() - started)
        return response

    return observed


class NightCollector:
    """Reads jobs, business dates and the queue when scraped; a gauge whose source is down is left out, not guessed."""

    def collect(self) -> Iterator[Metric]:
        finished = JobRun.objects.filter(status=JobRun.Status.DONE)
        last_success = GaugeMetricFamily(
            "loyalty_job_last_success_timestamp_seconds", "When a job last ended well.", labels=["job"]
        )
        duration = GaugeMetricFamily(
            "loyalty_job_duration_seconds", "How long the job's last good run took.", labels=["job"]
        )
        for run in finished.order_by("job", "-business_date").distinct("job"):
            newest = finished.filter(job=run.job).aggregate(at=Max("finished_at"))["at"]
            last_success.add_metric([run.job], newest.timestamp())
            duration.add_metric([run.job], (run.finished_at - run.started_at).total_seconds())
        yield last_success
        yield duration

        failed = GaugeMetricFamily("loyalty_job_failed", "Runs that failed and wait for the next ring.", labels=["job"])
        for job in JobRun.objects.filter(status=JobRun.Status.FAILED).values_list("job", flat=True).distinct():
            failed.add_metric([job], JobRun.objects.filter(job=job, status=JobRun.Status.FAILED).count())
        yield failed

        broken = GaugeMetricFamily(
            "loyalty_ledger_invariant_violations",
            "Violations of each invariant at the last proof.",
            labels=["invariant"],
        )
        proofs = JobRun.objects.filter(job__in=["prove", "recheck_seals"], finished_at__isnull=False)
        proofs = proofs.order_by("job", "-finished_at", "-id")
        for proof in proofs.distinct("job"):
            for name, result in proof.counts.items():
                if isinstance(result, dict) and "violations" in result:
                    broken.add_metric([name], result["violations"])
        yield broken

        closed = BusinessDate.objects.filter(status=BusinessDate.Status.CLOSED).aggregate(day=Max("date"))["day"]
        if closed:
            yield GaugeMetricFamily(
                "loyalty_last_closed_business_date_ordinal",
                "The last closed business date, in days since 0001-01-01.",
                closed.toordinal(),
            )
        yield from self._outbox()
        length = self._queue_length()
        if length is not None:
            queue = GaugeMetricFamily(
                "loyalty_celery_queue_length", "Messages that wait for a worker.", labels=["queue"]
            )
            queue.add_metric([QUEUE], length)
            yield queue

    @staticmethod
    def _outbox() -> Iterator[Metric]:
        oldest = GaugeMetricFamily(
            "loyalty_outbox_oldest_seconds", "Since when the oldest waiting obligation is due.", labels=["topic"]
        )
        quarantined = GaugeMetricFamily(
            "loyalty_outbox_quarantined", "Obligations that wait for somebody to look at them.", labels=["topic"]
        )
        for one in measuring.measure():
            oldest.add_metric([one.topic], one.oldest_seconds)
            quarantined.add_metric([one.topic], one.quarantined)
        yield oldest
        yield quarantined

    @staticmethod
    def _queue_length() -> int | None:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
        try:
            return client.llen(QUEUE)
        except redis.RedisError:
            return None
        finally:
            client.close()


class ApprovalsCollector:
    """Reads what waits for a second person when scraped, by kind; every kind is there, also at 0."""

    def collect(self) -> Iterator[Metric]:
        """Give how many requests of each kind wait, and since when the oldest does."""
        pending = GaugeMetricFamily("loyalty_approvals_pending", "Requests that wait for a decision.", labels=["kind"])
        oldest = GaugeMetricFamily(
            "loyalty_approvals_oldest_timestamp_seconds", "When the oldest of them was made.", labels=["kind"]
        )
        waiting = Request.objects.filter(status=Request.Status.PENDING).values("kind").order_by("kind")
        found = {row["kind"]: row for row in waiting.annotate(count=Count("id"), first=Min("requested_at"))}
        for kind in registered():
            row = found.get(kind.code)
            pending.add_metric([kind.code], row["count"] if row else 0)
            if row:
                oldest.add_metric([kind.code], row["first"].timestamp())
        yield pending
        yield oldest


def _allowed(request: HttpRequest) -> bool:
    if not settings.METRICS_TOKEN:
        return not settings.PRODUCTION
    return hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}")


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the metrics in Prometheus's text format; with METRICS_TOKEN set (as production must), to its bearer alone."""
    if not _allowed(request):
        return HttpResponse(status=404)
    registry = CollectorRegistry()
    registry.register(NightCollector())
    registry.register(ApprovalsCollector())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.MultiProcessCollector(registry)
        text = generate_latest(registry)
    else:
        text = generate_latest(registry) + generate_latest(PROCESS_REGISTRY)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
