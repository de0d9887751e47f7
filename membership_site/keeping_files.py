"""Keeping files: facts age, reviews fall due, and the member hears of it once. A seventh of the members each night, so each one weekly."""

import datetime

from django.db import connection

from foundation.actors import Actor
from foundation.messaging.sending import TOPIC
from foundation.outbox.owing import Owed, owe
from foundation.querying import statement
from foundation.transactions import in_transaction
from members import scoring
from members.file_books import REVIEW_MONTHS
from members.writing import FILE_REVIEW

# The riskier a customer, the oftener he is looked at: once a year from the fourth risk grade on, every second from the third.
MONTHS_BY_GRADE = ((4, 12), (3, 24))
NOTICE_DAYS = 30
SLOTS = 7


@in_transaction
def keep(*, as_of: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Score the files of a seventh of a chunk anew, set when they are due, and owe a word to whose review is near.

    Which seventh the date says: dates are closed one by one, so a week passes over all. Four statements a chunk, however many
    members; twice for one date changes nothing.
    """
    seventh = as_of.toordinal() % SLOTS
    arguments = {
        "as_of": as_of,
        "first_member": first_member,
        "last_member": last_member,
        "seventh": seventh,
        "grades": [grade for grade, _months in MONTHS_BY_GRADE],
        "months": [months for _grade, months in MONTHS_BY_GRADE],
        "longest": REVIEW_MONTHS,
        "until": as_of + datetime.timedelta(days=NOTICE_DAYS),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("membership_site", "keep_files"), arguments)
        due = cursor.fetchall()
    reminders = [
        Owed(member_id=member_id, key=f"{FILE_REVIEW}/{due_on}", payload={"kind": FILE_REVIEW, "about": f"{due_on}"})
        for member_id, due_on in due
    ]
    scored = scoring.score(as_of=as_of, first_member=first_member, last_member=last_member, seventh=seventh)
    return {"files": scored, "reviews": owe(reminders, topic=TOPIC)}
