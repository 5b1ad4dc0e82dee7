"""The portal's own adapters, with a point after each thing they say to their cloud."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from portal.clouds.adapters import pg
from portal.clouds.adapters.aws import Aws
from portal.clouds.adapters.ec2 import Ec2Driver, Ec2Link
from portal.clouds.base import Account, Pending
from tests.live import points

POLL_AFTER_S = 0.5


class WatchedEc2Link(Ec2Link):
    def request(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().request(*args, **kwargs)
        points.said()
        return answer


class WatchedEc2Driver(Ec2Driver):
    connectionCls = WatchedEc2Link


class WatchedAws(Aws):
    """AWS, asked again sooner."""

    def driver(self) -> Ec2Driver:
        return self._opened(WatchedEc2Driver, signature_version="4")

    def _settled(self, server: Any, wanted: Any) -> Any:
        answer = super()._settled(server, wanted)
        return replace(answer, poll_after_s=POLL_AFTER_S) if isinstance(answer, Pending) else answer


def watch_statements() -> None:
    """Put a point after each statement of the administrator's connections of the PostgreSQL adapter."""
    connected = pg.connected

    @contextmanager
    def watched(account: Account, database: str = "") -> Iterator[pg.Link]:
        with connected(account, database) as link:
            execute = link.execute

            def say(*args: Any, **kwargs: Any) -> Any:
                cursor = execute(*args, **kwargs)
                points.said()
                return cursor

            link.execute = say
            yield link

    pg.connected = watched
