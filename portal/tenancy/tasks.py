"""Timed work of tenancy."""

from celery import shared_task

from portal.core import clock
from portal.tenancy import reviews
from portal.users.actor import Actor

BATCH = 20


@shared_task(name="tenancy.sweep_reviews", soft_time_limit=300, time_limit=330)
def sweep_reviews() -> None:
    """Close reviews whose day has passed, and remind of those near it; asked twice it does no harm."""
    now, actor = clock.now(), Actor.system()
    for pk in reviews.due_reviews(now).values_list("pk", flat=True)[:BATCH]:
        reviews.close_overdue(pk, actor=actor)
    reviews.remind(now, actor=actor)
