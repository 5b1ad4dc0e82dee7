"""Work on leases: one lease, one person's, what an account can lend, and a sweep for what is due or was lost."""

from uuid import UUID

from celery import shared_task

from portal.core import clock, queue
from portal.leases import endings, lending, minting, queries


@shared_task(name="leases.settle", soft_time_limit=240, time_limit=300)
def settle(lease_id: str) -> None:
    minting.settle(UUID(lease_id))


@shared_task(name="leases.revoke_person", soft_time_limit=120, time_limit=150)
def revoke_person(user_id: str) -> None:
    endings.end_without_role([UUID(user_id)])


@shared_task(name="leases.read_lender", soft_time_limit=240, time_limit=300)
def read_lender(connection_id: str) -> None:
    lending.read(UUID(connection_id))


@shared_task(name="leases.sweep", soft_time_limit=120, time_limit=150)
def sweep() -> None:
    """End what is over, and hand out what is due; asked twice it does no harm."""
    endings.end_due()
    endings.end_without_role()
    for lease_id in dict.fromkeys(queries.due_for_work(clock.now())):
        queue.after_commit("leases.settle", lease_id)
    for connection_id in lending.due():
        queue.after_commit("leases.read_lender", connection_id)
