"""The market with its AWS replaced by a cloud that misbehaves on demand."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from portal.core import clock
from portal.provisioning.models import Resource
from portal.provisioning.reconcile import reconcile
from tests.market import Market
from tests.provisioning.cloud import Cloud


@pytest.fixture
def cloud(market: Market, settings: Any) -> Iterator[type[Cloud]]:
    """Where the servers of this test live; PostgreSQL stays the real one."""
    settings.PORTAL_PROVIDERS = ["tests.provisioning.cloud.Cloud", "portal.clouds.adapters.postgresql.Postgresql"]
    Cloud.reset()
    yield Cloud
    Cloud.reset()


@pytest.fixture
def wanted(market: Market, cloud: type[Cloud]) -> Resource:
    """A server that was ordered and approved, and that no worker has touched."""
    market.approve(market.place())
    return Resource.objects.get()


@pytest.fixture
def running(market: Market, cloud: type[Cloud]) -> Resource:
    """A server that runs."""
    resource = market.active()
    resource.refresh_from_db()
    Cloud.calls.clear()
    return resource


@pytest.fixture
def later() -> Callable[..., None]:
    """`later(resource, minutes=3)`: a worker comes by then."""

    def work(resource: Resource, **after: float) -> None:
        with clock.travel(clock.now() + timedelta(**after)):
            reconcile(resource.pk)
        resource.refresh_from_db()

    return work
