"""What the tests of the pages of connections share: addresses, the form filled in, servers found."""

import re

from portal.clouds.models import ConnectionState, Health
from portal.core import clock
from portal.provisioning.models import Resource
from tests.clouds import kit

NEW = "/connections/new/scripted/"
REGION = "eu-west-1"
SECRET = kit.KEYS["secret_access_key"]
FRESH = {"state": ConnectionState.CHECKING, "health": Health.UNKNOWN, "approved_at": None, "checked_at": None}


def page_of(connection, act=""):
    return f"/connections/{connection.pk}/{act}"


def text_of(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def sent(world, **changes):
    """The form as dave fills it in."""
    return {
        "name": "AWS lab",
        "scope": str(world.nordwind.pk),
        "rung": "publish",
        "key": "k1",
        "config-regions": REGION,
        "config-endpoint": "",
        "credentials-access_key_id": kit.KEYS["access_key_id"],
        "credentials-secret_access_key": SECRET,
        "credentials-session_token": "",
        **changes,
    }


def found(connection, number, region=REGION):
    """Servers that a listing found."""
    Resource.objects.bulk_create(
        Resource(
            connection=connection,
            region=region,
            capability="compute",
            name=f"old-{index:04}",
            state="running",
            external_id=f"i-{index:04}",
            observed={"size": "t3.small", "addresses": ["10.0.0.1"]},
            seen_at=clock.now(),
        )
        for index in range(number)
    )
