"""What the order form is opened for: where it is drawn and sent, what its button says, what it stands in for."""

from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from portal.catalogue.models import Offering
from portal.orders.forms import AmendForm
from portal.orders.models import OrderDraft, OrderItem


@dataclass(frozen=True, slots=True)
class Errand:
    """`draw_url` gives the form at the answers in the query, `send_url` takes it. `misfits` says what was left out of it.

    Opened from a draft, `draft` is that. Changing an order that waits, `item` is the one that the form stands in for, and `amend` what is said of the change.
    """

    draw_url: str
    send_url: str
    act: Any
    misfits: list[str] = field(default_factory=list)
    draft: OrderDraft | None = None
    item: OrderItem | None = None
    amend: AmendForm | None = None


def new_order(offering: Offering, *, misfits: list[str] | None = None, draft: OrderDraft | None = None) -> Errand:
    """The usual one."""
    draw, send = reverse("offering", args=[offering.pk]), reverse("order-new", args=[offering.pk])
    return Errand(draw, send, _("Place order"), misfits or [], draft)
