"""The demo's cloud access: the operator offers each project to read its own databases."""

from datetime import timedelta

from portal.clouds.models import Connection
from portal.leases import lending, offers
from portal.leases.queries import lender_of
from portal.provisioning.models import Resource, ResourceState
from portal.users.actor import Actor

LONGEST = timedelta(hours=4)


def offer_access(cloud: Connection, *, operator: Actor) -> None:
    """Read what the account lends, and offer each database that runs there to the project it belongs to."""
    lending.read(cloud.pk)
    lender = lender_of(cloud)
    running = Resource.objects.filter(connection=cloud, state=ResourceState.RUNNING, project__isnull=False)
    for database in running.select_related("project").order_by("name"):
        if database.project is not None and lender is not None and lender.target(database.external_id):
            offers.offer_lease(
                cloud,
                database.project,
                f"Read {database.name}",
                target=database.external_id,
                longest=LONGEST,
                needs_purpose=True,
                actor=operator,
            )
