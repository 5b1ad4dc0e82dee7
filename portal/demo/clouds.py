"""The demo's clouds: connected by the operator, approved by the admin, checked and synced as a worker does it."""

from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

from portal.access.models import Scope
from portal.approvals.queries import approval_of
from portal.approvals.services import vote
from portal.clouds import checking, syncing
from portal.clouds.models import Choice, Connection
from portal.clouds.queries import choices_of, last_check, provider_named
from portal.clouds.services import connect_cloud
from portal.demo.story import FRANKFURT, IRELAND
from portal.users.actor import Actor

AWS, MANAGED = "AWS Europe", "Managed PostgreSQL"
IMAGE = "ubuntu/images/hvm-ssd"


def connect_clouds(organization: Scope, *, operator: Actor, admin: Actor) -> dict[str, Connection]:
    """The first simulated AWS and the managed PostgreSQL, in use. The second AWS is for people to connect."""
    config = {"regions": f"{IRELAND}, {FRANKFURT}", "endpoint": settings.PORTAL_DEMO_AWS_URLS[0]}
    keys = {"access_key_id": "DEMOKEYOFTHEFIRST", "secret_access_key": "any-secret-will-do"}
    server = urlsplit(settings.PORTAL_DEMO_PG_URL)
    database = {
        "host": str(server.hostname),
        "port": server.port,
        "database": server.path.lstrip("/"),
        "sslmode": "disable",
    }
    administrator = {"user": unquote(server.username or ""), "password": unquote(server.password or "")}
    return {
        AWS: _connect(organization, "aws", AWS, config, keys, operator, admin),
        MANAGED: _connect(organization, "postgresql", MANAGED, database, administrator, operator, admin),
    }


def _connect(
    organization: Scope,
    provider: str,
    name: str,
    config: dict[str, Any],
    credentials: dict[str, Any],
    operator: Actor,
    admin: Actor,
) -> Connection:
    connection = connect_cloud(
        organization, provider_named(provider), name, config, credentials, key=f"demo:{provider}", actor=operator
    )
    approval = approval_of("connection", connection.pk)
    assert approval is not None
    vote(approval, "approve", approval.card_hash, actor=admin)
    check_and_sync(connection)
    found: Connection = Connection.objects.select_related("scope", "provider").get(pk=connection.pk)
    return found


def check_and_sync(connection: Connection) -> None:
    """The checks that wait, if any, then what can be chosen there."""
    check = last_check(connection)
    if check is not None:
        checking.run(check.pk)
    syncing.sync(connection.pk)


def image_in(connection: Connection, region: str) -> str:
    """The newest Ubuntu that the region offers."""
    found = [choice for choice in choices_of(connection, "image", region) if _is_ubuntu(choice)]
    return max(found, key=lambda choice: choice.name).key


def _is_ubuntu(choice: Choice) -> bool:
    return choice.name.startswith(IMAGE) and choice.attributes.get("architecture") == "x86_64"
