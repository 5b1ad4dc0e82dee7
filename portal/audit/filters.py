"""One filter of the deliveries of a subscription, for page and API."""

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from portal.audit.models import Delivery, DeliveryState

STATES = [
    (DeliveryState.WAITING.value, _("Waiting")),
    (DeliveryState.SENT.value, _("Taken")),
    (DeliveryState.FAILED.value, _("Failed")),
]


class DeliveryFilter(filters.FilterSet):  # type: ignore[misc]
    """By state and by the beginning of the action."""

    state = filters.ChoiceFilter(choices=STATES, label=_("State"), empty_label=_("any"))
    action = filters.CharFilter(lookup_expr="startswith", label=_("Action begins with"), max_length=80)

    class Meta:
        model = Delivery
        fields = ("state", "action")
