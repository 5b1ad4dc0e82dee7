"""Follow orders at work."""

from uuid import UUID

from celery import shared_task

from portal.core import clock
from portal.orders import services
from portal.orders.queries import lost_orders
from portal.users.actor import Actor


@shared_task(name="orders.advance", soft_time_limit=60, time_limit=90)
def advance(order_id: str) -> None:
    services.advance(UUID(order_id), actor=Actor.system())


@shared_task(name="orders.sweep", soft_time_limit=60, time_limit=90)
def sweep() -> None:
    """Look at orders whose message may have been lost."""
    for order_id in lost_orders(clock.now()):
        services.advance(order_id, actor=Actor.system())
