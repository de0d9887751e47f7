#!/bin/sh
# Start the part of the system that the first word names; any other word is a management command.
set -eu
part="$1"
shift
case "$part" in
    web) mkdir -p "${PROMETHEUS_MULTIPROC_DIR:=/tmp/metrics}" && export PROMETHEUS_MULTIPROC_DIR
         exec python -m gunicorn membership_site.wsgi --bind 0.0.0.0:8000 --worker-class gthread \
             --workers "${WEB_PROCESSES:-2}" --threads "${WEB_THREADS:-4}" --worker-tmp-dir /dev/shm --no-control-socket "$@" ;;
    worker) exec python -m celery -A membership_site.celery worker --loglevel INFO \
                --concurrency "${WORKER_PROCESSES:-3}" --without-gossip --without-mingle "$@" ;;
    # Exactly one of these runs, however many webs and workers do.
    beat) exec python -m celery -A membership_site.celery beat --loglevel INFO --pidfile= --schedule /tmp/beat "$@" ;;
    migrate) exec python manage.py migrate --database owner "$@" ;;
    *) exec python manage.py "$part" "$@" ;;
esac
