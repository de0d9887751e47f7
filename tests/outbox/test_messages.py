"""Messages through the outbox: carried by a file or a console, by nobody where the house has no provider; nothing leaves the host."""

import json
import logging
from pathlib import Path

import pytest
from django.test import Client

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.messaging.providers import Console, File, Message, provider
from foundation.outbox import relaying
from foundation.outbox.models import Obligation
from membership_site.env import Environment
from tests.members.cast import LI, open_bank

HELLO = Message(key="code/1", via="sms", to="10088880001", text="您的验证码 123456")


def test_a_file_holds_a_line_a_message_and_is_its_owner_s_alone(settings, tmp_path):
    settings.MESSAGES_FILE = str(tmp_path / "deep" / "messages.jsonl")

    File().send(HELLO)
    File().send(HELLO)

    path = Path(settings.MESSAGES_FILE)
    assert [json.loads(line)["text"] for line in path.read_text().splitlines()] == ["您的验证码 123456"] * 2
    assert path.stat().st_mode & 0o077 == 0


def test_a_console_shows_it_on_standard_error(capsys):
    Console().send(HELLO)

    assert "123456" in capsys.readouterr().err


def test_the_bank_s_own_provider_is_named_by_its_path():
    assert isinstance(provider("foundation.messaging.providers.Console"), Console)


def test_production_refuses_a_provider_that_everybody_reads():
    environment = Environment({})
    environment.refuse("MESSAGES_PROVIDER", "console", "console", "file")

    with pytest.raises(Exception, match="MESSAGES_PROVIDER is wrong: not console here"):
        environment.check()


def test_the_relay_sends_by_the_file_and_the_logs_say_nothing_of_it(committed, settings, tmp_path, caplog):
    settings.MESSAGES_FILE = str(tmp_path / "messages.jsonl")
    open_bank()
    with caplog.at_level(logging.DEBUG):
        Client().post("/join", {"full_name": LI.full_name, "phone": LI.phone})
        counts = relaying.relay(at=clock.now(), actor=Actor.job("test"))

    message = json.loads(Path(settings.MESSAGES_FILE).read_text())
    assert (counts, message["to"]) == ({"done": 1, "failed": 0}, LI.phone)
    secret = next(word for word in message["text"].split() if word.isdecimal())
    for personal in (LI.full_name, LI.phone, secret):
        assert personal not in caplog.text


def test_without_a_provider_messages_wait_and_say_why(committed, settings):
    settings.MESSAGES_PROVIDER = "off"
    open_bank()
    Client().post("/join", {"full_name": LI.full_name, "phone": LI.phone})

    counts = relaying.relay(at=clock.now(), actor=Actor.job("test"))

    owed = Obligation.objects.get()
    assert (counts, owed.done_at) == ({"done": 0, "failed": 1}, None)
    assert owed.last_error.startswith("NoProvider")
    assert LI.phone not in owed.last_error
