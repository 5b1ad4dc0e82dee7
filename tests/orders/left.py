"""What an order leaves behind, for tests of orders that were refused."""

from portal.approvals.models import Approval
from portal.events.models import Event
from portal.orders.models import Order, OrderItem
from portal.provisioning.models import Resource
from portal.tenancy.models import Hold


def left_behind() -> dict[str, int]:
    """Every trace there is, by its table; empty when nothing happened."""
    counts = {table.__name__: table.objects.count() for table in (Order, OrderItem, Hold, Approval, Resource)}
    counts["Event"] = Event.objects.filter(action__in=("orders.place", "approvals.ask")).count()
    return {name: count for name, count in counts.items() if count}
