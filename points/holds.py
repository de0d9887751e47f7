"""The hold: points set aside for a partner, and in which lots; hot tables, written by the ledger's functions only."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Hold(models.Model):
    """Points set aside for a redemption that waits for a partner, once per purse and `key`; written by the ledger's functions only.

    Held points are in nobody's hands: not spendable, not expiring. A hold ends captured (by the entry `entry_number`), released, or
    lapsed once `lapses_at` is over.
    """

    class State(models.TextChoices):
        HELD = "held", _("held")
        CAPTURED = "captured", _("captured")
        RELEASED = "released", _("released")
        LAPSED = "lapsed", _("lapsed")

    pk = models.CompositePrimaryKey("member_id", "currency_id", "key")
    member_id = models.BigIntegerField(_("member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    key = models.UUIDField(_("key"))
    points = models.BigIntegerField(_("points"))
    held_on = models.DateField(_("held on"))
    lapses_at = models.DateTimeField(_("lapses at"))
    cause = models.CharField(_("cause"), max_length=140)
    state = models.CharField(_("state"), max_length=8, choices=State)
    ended_on = models.DateField(_("ended on"), null=True)
    entry_number = models.IntegerField(_("entry"), null=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.CheckConstraint(condition=Q(points__range=(1, 10**12)), name="hold_points_in_range"),
            models.CheckConstraint(
                condition=Q(state="held", ended_on__isnull=True)
                | Q(state="captured", ended_on__isnull=False, entry_number__isnull=False)
                | Q(state__in=["released", "lapsed"], ended_on__isnull=False),
                name="hold_ended_as_its_state_says",
            ),
        ]
        indexes = [models.Index(fields=["lapses_at"], condition=Q(state="held"), name="hold_due")]


class HoldPart(models.Model):
    """How much of which lot a hold has set aside."""

    pk = models.CompositePrimaryKey("member_id", "currency_id", "hold_key", "lot_expires_on", "lot_number")
    member_id = models.BigIntegerField(_("member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    hold_key = models.UUIDField(_("hold"))
    lot_expires_on = models.DateField(_("lot expires on"))
    lot_number = models.IntegerField(_("lot"))
    points = models.BigIntegerField(_("points"))

    class Meta:
        verbose_name = _("part of a hold")
        verbose_name_plural = _("parts of holds")
        constraints = [models.CheckConstraint(condition=Q(points__gt=0), name="hold_part_takes_something")]
