"""What a site is that production starts: no warning of any check, everything private shut, and no start without its settings."""

import base64
import json
import os
import secrets
import subprocess
import sys

import pytest
from django.conf import settings

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
# Names that don't lead anywhere: whatever is only checked or read never asks for them.
PRODUCTION = {
    "SITE_ENV": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "PERSONAL_DATA_KEY": KEY,
    "LOOKUP_KEY": KEY,
    "SEAL_KEY": KEY,
    "DATABASE_URL": "postgres://runtime:secret@db.invalid:5432/membership",
    "REDIS_URL": "redis://:secret@broker.invalid:6379/0",
    "ALLOWED_HOSTS": "members.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://members.example.com",
    "SITE_URL": "https://members.example.com",
    "METRICS_TOKEN": "a-token",
    "BANK_OIDC_ISSUER": "https://bank.example.com",
    "BANK_OIDC_CLIENT_ID": "membership",
    "BANK_OIDC_CLIENT_SECRET": "secret",
}
READ = """
import json, django
django.setup()
from django.conf import settings
names = json.loads(input())
print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
"""


def run(*command: str, sent: str = "", **changed: str) -> subprocess.CompletedProcess:
    """Run Python in production's environment, without anything of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env = kept | {"DJANGO_SETTINGS_MODULE": "membership_site.settings"} | PRODUCTION | changed
    return subprocess.run(
        [sys.executable, *command],
        env={name: value for name, value in env.items() if value},
        cwd=settings.BASE_DIR,
        input=sent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_deployment_check_has_not_one_warning():
    done = run("manage.py", "check", "--deploy", "--fail-level", "DEBUG")

    assert (done.returncode, done.stdout.strip()) == (0, "System check identified no issues (0 silenced)."), done.stderr


def test_what_must_be_so_in_production_is():
    wanted = {
        "DEBUG": False,
        "SECURE_SSL_REDIRECT": True,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_NAME": "__Host-session",
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "X_FRAME_OPTIONS": "DENY",
        "ALLOWED_HOSTS": ["members.example.com"],
    }

    done = run("-c", READ, sent=json.dumps([*wanted, "SPECTACULAR_SETTINGS", "SECURE_HSTS_SECONDS"]))

    read = json.loads(done.stdout)
    # What the API can do is told to nobody who has not signed in.
    assert read.pop("SPECTACULAR_SETTINGS")["SERVE_PERMISSIONS"] == ["rest_framework.permissions.IsAuthenticated"]
    assert read.pop("SECURE_HSTS_SECONDS") >= 31_536_000
    assert read == wanted


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
        ({"LOOKUP_KEY": "short"}, "LOOKUP_KEY is wrong"),
        ({"MESSAGES_PROVIDER": "file"}, "MESSAGES_PROVIDER is wrong"),
        ({"BANK_OIDC_ISSUER": "http://bank.example.com"}, "BANK_OIDC_ISSUER is wrong: not https://"),
        ({"BANK_OIDC_CLIENT_SECRET": ""}, "BANK_OIDC_CLIENT_ID is wrong"),
    ],
)
def test_it_does_not_start_with_less(changed, said):
    done = run("manage.py", "check", **changed)

    assert done.returncode != 0
    assert said in done.stderr
