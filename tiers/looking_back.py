"""Looking back: a member's tiers on a past day, and the decisions behind them with the figures and minima of then."""

import dataclasses
import datetime

from django.utils.translation import gettext_lazy as _

from foundation.refusals import Refusal
from members.models import Member
from tiers import explaining, standings, wording
from tiers.compiling import load, values_of
from tiers.describing import Words
from tiers.models import Decision, Programme, Protection, RuleBook, Tier


class DayNotClosed(Refusal):
    code = "day_not_closed"
    status = 422
    sentence = _("This day is not closed yet; its tiers are decided at its close.")


class BeforeJoining(Refusal):
    code = "before_joining"
    status = 422
    sentence = _("The member had not joined on this day.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Past:
    """A member's tier in a programme at the end of a day, by the decision that then held (None: standard since joining).

    `keeping` and `rising` hold the decision's own figures beside what its rule book asked to keep that tier, and for the next.
    """

    programme: Programme
    tier: Tier
    next_tier: Tier | None
    valid_until: datetime.date | None
    grace_until: datetime.date | None
    decision: Decision | None
    rule_book: RuleBook | None
    reason: str
    protection: Protection | None
    keeping: list[explaining.Group]
    rising: list[explaining.Group]

    @property
    def secured(self) -> str:
        """Return what secured the tier on the day, in a few words; "" where nothing did."""
        return wording.protected(self.protection) if self.protection else ""

    @property
    def kept(self) -> bool:
        """Return whether one of the tier's groups was met; standard asks for nothing."""
        return any(group.met for group in self.keeping) or not self.keeping


def look_back(
    *, member: Member, day: datetime.date, last_closed: datetime.date | None, words: Words | None = None
) -> list[Past]:
    """Return the member's tier in each programme at the end of `day`, the main programme first, in the reader's language.

    Seven statements, however many programmes and decisions there are. Refuses day_not_closed, before_joining.
    """
    if last_closed is None or day > last_closed:
        raise DayNotClosed(field="date")
    if day < member.joined_on:
        raise BeforeJoining(field="date")
    all_stood = standings.at(member_id=member.pk, day=day)
    books = {stood.decision.rule_book_id: stood.decision.rule_book for stood in all_stood if stood.decision}
    tiers = [tier for stood in all_stood for tier in stood.tiers]
    ladders = {ladder.rule_book.pk: ladder for ladder in load(books.values(), tiers=tiers)} if books else {}
    covering = Protection.objects.covering(day).filter(member=member).select_related("tier")
    protections = {one.programme_id: one for one in covering}
    words = words or Words()
    told = []
    for stood in all_stood:
        decision = stood.decision
        above = stood.tiers[stood.tiers.index(stood.tier) + 1 :]
        keeping, rising = [], []
        if decision:
            ladder, values = ladders[decision.rule_book_id], values_of(decision.figures)
            keeping = explaining.groups(ladder, stood.tier, values, words, keeps=True)
            rising = explaining.groups(ladder, above[0], values, words, keeps=False) if above else []
        told.append(
            Past(
                programme=stood.programme,
                tier=stood.tier,
                next_tier=above[0] if above else None,
                valid_until=stood.valid_until,
                grace_until=stood.grace_until,
                decision=decision,
                rule_book=decision.rule_book if decision else None,
                reason=wording.told(decision, ladder, words) if decision else wording.everybodys(stood.tier),
                protection=protections.get(stood.programme.pk),
                keeping=keeping,
                rising=rising,
            )
        )
    return told
