"""Fixtures of audit: something that listens, and a subscription of erin's to what happens in nordwind."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portal.audit import services
from portal.audit.models import Subscription
from portal.events.services import record
from tests.audit.receiver import Receiver, receiving
from tests.audit.sealer import seal_all
from tests.cast import World


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


@pytest.fixture
def happen(world: World) -> Callable[..., Any]:
    """`happen("orders.place", at=world.web)` records an event and has it sealed."""

    def record_one(action: str = "tenancy.rename", at: Any = None, who: str = "erin", **detail: Any) -> Any:
        event = record(action, at or world.web, actor=world.actor(who), **detail)
        seal_all()
        return event

    return record_one


@pytest.fixture
def subscribed(world: World, receiver: Receiver) -> Callable[..., Subscription]:
    """`subscribed()` makes a subscription; its secret is kept in `world.extra`, its own event is not sent to it."""

    def make(who: str = "erin", at: Any = None, name: str = "siem", **given: Any) -> Subscription:
        url = given.pop("url", f"{receiver.url}hook")
        made, secret = services.subscribe(at or world.nordwind, name, url, actor=world.actor(who), **given)
        world.extra["secret"] = secret
        Subscription.objects.filter(pk=made.pk).update(position=seal_all() if not given.get("from_start") else 0)
        made.refresh_from_db()
        return made

    return make
