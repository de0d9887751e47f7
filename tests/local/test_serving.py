"""The embedded servers: their rights, their memory, and the places they run in."""

import json
import os
import signal
import stat

import psycopg2
import pytest
import redis

from membership_site.local.serving import Servers, read_secrets
from membership_site.local.supervising import Supervisor


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder as a person may name it; nothing in the environment says that servers are given."""
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "my checkout 第二"


@pytest.fixture
def start(place):
    """Start servers on the data in `place`; every run is stopped in the end."""
    runs = []

    def run(*, forgetful: bool = True) -> tuple[Supervisor, dict[str, str]]:
        place.mkdir(exist_ok=True)
        supervisor = Supervisor()
        runs.append(supervisor)
        servers = Servers(place, forgetful=forgetful)
        servers.start(supervisor)
        return supervisor, servers.environment

    yield run
    for supervisor in runs:
        supervisor.stop()


def ask(url: str, statement: str) -> list[tuple]:
    """Run one statement in a session of its own and return its rows."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_runtime_reads_and_writes_the_rows_of_owner_and_makes_nothing(start):
    _, environment = start()
    owner, runtime = environment["OWNER_DATABASE_URL"], environment["DATABASE_URL"]
    ask(owner, "CREATE TABLE card (id bigserial PRIMARY KEY, colour text)")

    ask(runtime, "INSERT INTO card (colour) VALUES ('金')")

    assert ask(runtime, "SELECT id, colour FROM card") == [(1, "金")]
    for refused in ("CREATE TABLE mine (id int)", "TRUNCATE card", "DROP TABLE card", "ALTER TABLE card ADD note text"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(runtime, refused)


def test_a_database_that_owner_makes_has_the_extensions_and_the_grants(start):
    _, environment = start()
    connection = psycopg2.connect(environment["OWNER_DATABASE_URL"])
    connection.autocommit = True
    connection.cursor().execute("CREATE DATABASE clone")
    connection.close()
    owner = environment["OWNER_DATABASE_URL"].replace("/membership", "/clone")
    runtime = environment["DATABASE_URL"].replace("/membership", "/clone")

    ask(owner, "CREATE TABLE card (id int, EXCLUDE USING gist (id WITH =))")

    assert ask(runtime, "SELECT count(*) FROM card") == [(0,)]
    assert ask(runtime, "SELECT extname FROM pg_extension ORDER BY extname") == [
        ("btree_gist",), ("pg_stat_statements",), ("plpgsql",),
    ]  # fmt: skip


def test_chinese_is_letters_to_the_database(start):
    _, environment = start()

    assert ask(environment["DATABASE_URL"], "SELECT '会员' ~ '^[[:alpha:]]+$', lower('ÄB') = 'äb'") == [(True, True)]


def test_killed_servers_come_back_with_their_data(start):
    supervisor, environment = start(forgetful=False)
    ask(environment["OWNER_DATABASE_URL"], "CREATE TABLE card (id int)")
    ask(environment["DATABASE_URL"], "INSERT INTO card VALUES (7)")
    for child in supervisor.children:
        child.signal_group(signal.SIGKILL)
        child.process.wait()

    _, again = start(forgetful=False)

    assert ask(again["DATABASE_URL"], "SELECT id FROM card") == [(7,)]
    assert redis.Redis.from_url(again["REDIS_URL"]).ping()


def test_a_cluster_whose_making_was_interrupted_is_made_again(start, place):
    (place / "pg").mkdir(parents=True)
    (place / "pg" / "PG_VERSION").write_text("18")

    _, environment = start()

    assert ask(environment["DATABASE_URL"], "SELECT current_user") == [("runtime",)]


def test_nobody_else_reads_the_secrets_and_both_servers_ask_for_a_password(start, place):
    _, environment = start()

    assert stat.S_IMODE(os.stat(place / "secrets.json").st_mode) == 0o600
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(environment["REDIS_URL"].replace(":", ":x", 2).replace("redis:x", "redis:")).ping()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(environment["DATABASE_URL"].replace("runtime:", "runtime:x"))


def test_data_made_before_a_key_was_needed_get_it_and_keep_the_others(tmp_path):
    made = read_secrets(tmp_path)
    (tmp_path / "secrets.json").write_text(json.dumps({name: key for name, key in made.items() if name != "SEAL_KEY"}))

    again = read_secrets(tmp_path)

    assert again == made | {"SEAL_KEY": again["SEAL_KEY"]}
    assert again["SEAL_KEY"] != made["SEAL_KEY"]
    assert read_secrets(tmp_path) == again
