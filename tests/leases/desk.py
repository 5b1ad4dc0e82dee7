"""A cloud account that lends, an offer in the project web, and a worker that is this process."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.management import call_command

from portal.clouds.models import Connection
from portal.core import clock
from portal.leases import lending, minting, offers, services, tasks
from portal.leases.models import Lease, LeaseOffer
from tests.cast import World
from tests.market import connection

HOUR = timedelta(hours=1)


@dataclass
class Desk:
    """What can be leased."""

    world: World
    cloud: Connection
    offer: LeaseOffer

    def ask(
        self, who: Any = "alice", *, key: str = "k", duration: timedelta = HOUR, purpose: str = "A fault", **more: Any
    ) -> Lease:
        """As a page asks for it."""
        actor = self.world.actor(who) if isinstance(who, str) else who
        return services.ask_lease(self.offer, duration=duration, purpose=purpose, key=key, actor=actor, **more)

    def work(self, lease: Lease, **after: float) -> Lease:
        """A worker comes by then."""
        with clock.travel(clock.now() + timedelta(**after)):
            minting.settle(lease.pk)
        return self.seen(lease)

    def sweep(self, **after: float) -> None:
        """The sweep then, and what it hands out."""
        with clock.travel(clock.now() + timedelta(**after)):
            tasks.sweep()
            for pk in Lease.objects.values_list("pk", flat=True):
                minting.settle(pk)

    def held(self, who: Any = "alice", **more: Any) -> Lease:
        """Asked for and minted."""
        return self.work(self.ask(who, **more))

    def seen(self, lease: Lease) -> Lease:
        return Lease.objects.select_related("offer__scope", "connection", "person").get(pk=lease.pk)


def open_desk(world: World) -> Desk:
    """A connection of the whole organization, and one offer of it."""
    call_command("sync_providers", verbosity=0)
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}
    cloud = connection(world, "scripted", {"regions": "eu-west-1", "endpoint": "http://127.0.0.1:9"}, keys, name="shop-cloud")
    lending.read(cloud.pk)
    return Desk(world, cloud, offer(world, cloud))


def offer(world: World, cloud: Connection, name: str = "Read the shop", scope: Any = None, **more: Any) -> LeaseOffer:
    given: dict[str, Any] = {"target": "reader", "longest": 4 * HOUR, "needs_purpose": True, **more}
    return offers.offer_lease(cloud, scope or world.web, name, actor=world.actor("dave"), **given)
