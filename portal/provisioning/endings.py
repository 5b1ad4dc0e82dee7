"""What follows when a resource is gone, or when who waits for it should look again."""

from portal.core import parcels, queue
from portal.provisioning.models import Resource
from portal.tenancy.quotas import free_holds


def let_go(resource: Resource) -> None:
    """It is gone: its quota is free, and a secret of it opens nothing any more."""
    free_holds(resource.hold_key)
    parcels.forget(resource.hold_key)


def tell_cause(resource: Resource) -> None:
    """Have the order that it came from looked at again."""
    kind, _, pk = resource.cause.partition(":")
    if kind == "order":
        queue.after_commit("orders.advance", pk)
