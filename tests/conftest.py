"""The tests' database: made and migrated by `owner`, used as `runtime`, exactly as in production."""

import contextlib
import os
import uuid
from collections.abc import Iterator

import psycopg2
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import override_settings


def _execute_as_owner(statement: str) -> None:
    """Run one statement outside any transaction on the cluster's maintenance database."""
    owner = settings.DATABASES["owner"]
    connection = psycopg2.connect(
        host=owner["HOST"], port=owner["PORT"], user=owner["USER"], password=owner["PASSWORD"], dbname="postgres"
    )
    connection.autocommit = True
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()


def _drop_database(name: str) -> None:
    """Drop a database, ending what is still connected to it.

    FORCE may not end an autovacuum worker, which the plain form sends away by itself; so it is only the second try.
    """
    try:
        _execute_as_owner(f"DROP DATABASE IF EXISTS {name}")
    except psycopg2.errors.ObjectInUse:
        _execute_as_owner(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _use_database(name: str) -> None:
    """Point both aliases at the database `name` from now on."""
    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
        settings.DATABASES[alias]["NAME"] = name


@pytest.fixture(scope="session")
def template_database(django_db_blocker) -> Iterator[str]:
    """A migrated database that nobody connects to, to be cloned in some 0.03 s; dropped at the end."""
    name = f"test_template_{os.getpid()}"
    _execute_as_owner(f"CREATE DATABASE {name}")
    _use_database(name)
    with django_db_blocker.unblock():
        call_command("migrate", database="owner", verbosity=0, interactive=False)
    for alias in ("default", "owner"):
        connections[alias].close()
    yield name
    _drop_database(name)


@pytest.fixture(scope="session")
def django_db_setup(template_database: str) -> Iterator[None]:
    """Give pytest-django one clone for all tests that roll back."""
    name = f"test_main_{os.getpid()}"
    _execute_as_owner(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY file_copy")
    _use_database(name)
    yield
    for alias in ("default", "owner"):
        connections[alias].close()
    _drop_database(name)


@contextlib.contextmanager
def cloned(source: str) -> Iterator[str]:
    """Use a clone of the database `source`, which nobody may be connected to, and drop it after; gives its name."""
    used = settings.DATABASES["default"]["NAME"]
    name = f"test_clone_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    _execute_as_owner(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
    try:
        _use_database(name)
        yield name
    finally:
        _use_database(used)
        _drop_database(name)


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker, template_database: str) -> Iterator[str]:
    """A database of its own for a test that commits: cloned from the template, dropped after; yields its name.

    Inside, real connections, threads and processes may commit as they like (house-style 28).
    """
    with django_db_blocker.unblock(), cloned(template_database) as name:
        yield name


@pytest.fixture(autouse=True)
def own_cache() -> Iterator[None]:
    """Let each test count and keep by itself: sign-ins are limited by address, and all tests come from one."""
    kept = settings.CACHES["default"] | {"KEY_PREFIX": uuid.uuid4().hex}
    with override_settings(CACHES={"default": kept}):
        yield
