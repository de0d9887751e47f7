"""Tell what an authenticator app would show now: for demonstrations, where nobody has set one up."""

from argparse import ArgumentParser
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from foundation.access import second_factors
from foundation.jobs import clock


class Command(BaseCommand):
    help = "Print the code that a user's authenticator app shows for half a minute; production refuses it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *, username: str, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("A code of production is on its owner's phone and nowhere else.", returncode=2)
        app = Authenticator.objects.filter(user__username=username, type=second_factors.APP).first()
        if app is None:
            raise CommandError(f"{username} has no authenticator app.", returncode=1)
        self.stdout.write(second_factors.code_now(app, at=clock.now()))
