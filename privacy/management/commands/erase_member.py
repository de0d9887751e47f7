"""erase_member: destroy what is personal of one member, for whom two people have decided or who asked himself."""

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock
from members.models import Member
from privacy import barriers, erasing
from privacy.models import Erasure

BARRED, UNKNOWN = 1, 2


class Command(BaseCommand):
    help = (
        "Carry out the erasure that a member, or two people for him, asked for and that waits for its day; --dry-run says what stands "
        "against erasing a member. Exit codes: 0 erased (now or before), 1 something stands against it, 2 no such member or wish."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("number", help="the member number")
        parser.add_argument("--dry-run", action="store_true", help="say what stands against it, and change nothing")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *, number: str, dry_run: bool, **options: Any) -> None:
        member = Member.objects.filter(number=number).first()
        if member is None:
            raise CommandError("there is no such member", returncode=UNKNOWN)
        today = clock.today()
        waiting = Erasure.objects.filter(member=member, state=Erasure.State.WAITING).first()
        if not dry_run and not erasing.is_erased(member.pk):
            if waiting is None:
                raise CommandError(
                    "nobody asked for it: a member asks in his portal, the staff in the console", returncode=UNKNOWN
                )
            transactions.commit(
                erasing.execute, erasure_id=waiting.pk, today=today, at=clock.now(), actor=Actor.job("erase_member")
            )
        certificate = erasing.certificate_of(member.pk)
        gives_up = waiting is not None and waiting.gives_up_points
        stands = [] if certificate else barriers.standing(member, today=today, gives_up_points=gives_up)
        answer = {
            "member": number,
            "erased": certificate is not None,
            "certificate": certificate.number if certificate else None,
            "barriers": [
                {"code": one.code, "sentence": one.sentence, "possible_on": one.possible_on and f"{one.possible_on}"}
                for one in stands
            ],
        }
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        elif certificate:
            self.stdout.write(f"{number} is erased: certificate {certificate.number}")
        else:
            for one in stands:
                self.stdout.write(f"{one.code}: {one.sentence}")
            if not stands:
                self.stdout.write(f"nothing stands against erasing {number}")
        if stands:
            raise CommandError(f"{len(stands)} barriers", returncode=BARRED)
