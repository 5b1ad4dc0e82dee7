"""Concord as processes: its database, a real broker, workers and beats that can be killed, and clouds that really answer."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from celery import current_app

from portal.orders.drafts import ItemDraft
from portal.orders.models import Order
from portal.provisioning.models import Resource, Step
from scripts.launcher.valkey import Valkey
from tests.databases import url_of
from tests.live.points import ARMED, FIRED
from tests.live.processes import BEAT, WORKER, Process
from tests.market import REGION, Market

LEASE_S, VISIBILITY_S = 5, 8
SPARED = (".said-", ".poll.", "waiting")
"""Points that the death of a whole worker may spare a neighbour: what it had made already is adopted at once."""


@dataclass
class Site:
    """One Concord. A worker that dies is started again while somebody waits (`until`), as a supervisor would."""

    folder: Path
    database: str
    valkey: Valkey
    moto: int
    market: Market
    processes: dict[str, Process] = field(default_factory=dict)

    # What runs.

    def worker(self, name: str = "worker") -> Process:
        return self._started(name, (*WORKER, "--hostname", f"{name}@live"))

    def beat(self, name: str = "beat") -> Process:
        return self._started(name, (*BEAT, "--schedule", str(self.folder / f"{name}.schedule")))

    def _started(self, name: str, command: tuple[str, ...]) -> Process:
        process = Process(name, command, self.folder / f"{name}.log", self._environment())
        self.processes[name] = process
        process.start()
        return process

    def _environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "tests.live.settings",
            "DATABASE_URL": url_of(self.database),
            "DATABASE_OWNER_URL": url_of(self.database, "owner"),
            "BROKER_URL": self.valkey.url(),
            "BROKER_VISIBILITY": str(VISIBILITY_S),
            "PROVISIONING_LEASE_S": str(LEASE_S),
            "PORTAL_HOME": str(self.folder),
            "FAULTS": str(self.folder),
        }

    def stop(self) -> None:
        """kill -9 to all that was started here."""
        for process in self.processes.values():
            process.kill()
        self.processes.clear()

    def until(self, holds: Callable[[], Any], what: str, seconds: float = 60) -> Any:
        """Wait for something, keeping workers and beats alive; a failure shows the logs and what hangs."""
        limit = time.monotonic() + seconds
        while not (found := holds()):
            for process in self.processes.values():
                if process.has_died:
                    process.kill()  # whatever children it left
                    process.start()
            if time.monotonic() > limit:
                raise AssertionError(f"after {seconds:.0f} s: {what}\n{self.story()}")
            time.sleep(0.1)
        return found

    def story(self) -> str:
        """What is not over yet, and the ends of the logs."""
        steps = Step.objects.filter(resource__in=Resource.objects.exclude(state="gone")).select_related("resource")
        open_steps = [
            f"{step} {step.state} tries={step.tries} due={step.due_at:%T} {step.error}" for step in steps if step.is_open
        ]
        orders = [f"{order} {order.state}" for order in Order.objects.exclude(state="done")]
        logs = [process.tail() for process in self.processes.values()]
        return "\n".join([*orders, *open_steps, f"armed: {sorted(self.armed())}", *logs])

    # What people do.

    def order(self, name: str, draft: ItemDraft | None = None) -> Order:
        """An approved order of one thing of that name."""
        order = self.market.place(draft or self.market.draft(name), key=uuid4().hex)
        self.market.approve(order)
        return order

    def database_order(self, name: str) -> Order:
        return self.order(name, self.market.database_draft(name))

    def end(self, order: Order) -> Order:
        """An approved order of the end of what that order made."""
        return self.order("", ItemDraft("terminate", resource_id=self.resource(order).pk))

    def resource(self, order: Order) -> Resource:
        return order.items.select_related("resource").get().resource

    def are_done(self, orders: Iterable[Order]) -> bool:
        """Whether each is done; one that failed is said at once."""
        states = dict(Order.objects.filter(pk__in=[order.pk for order in orders]).values_list("number", "state"))
        assert set(states.values()) <= {"working", "done"}, f"{states}\n{self.story()}"
        return set(states.values()) == {"done"}

    # What goes wrong.

    def arm(self, name: str, point: str, who: str = "process") -> None:
        """Let a worker kill itself once when it passes the point (tests/live/points.py) with the thing of that name."""
        (self.folder / ARMED / f"{name}.{point}").write_text(who)

    def armed(self) -> set[str]:
        """Points that nobody passed yet."""
        return {path.name for path in (self.folder / ARMED).iterdir()}

    def deaths(self) -> list[str]:
        """The points at which somebody died since this was asked last; each point was come to, but for the spared."""
        missed = {name for name in self.armed() if not any(word in name for word in SPARED)}
        assert not missed, missed
        fired = [path.name for path in (self.folder / FIRED).iterdir()]
        self.disarm()
        return fired

    def disarm(self) -> None:
        """Forget all points."""
        for path in (*(self.folder / ARMED).iterdir(), *(self.folder / FIRED).iterdir()):
            path.unlink()

    def kill_broker(self) -> None:
        assert self.valkey.process is not None
        self.valkey.process.kill()
        self.valkey.process.wait(10)

    # What is there.

    def servers(self) -> list[dict[str, Any]]:
        """Every server that the cloud ever made, ended ones too."""
        keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
        client = boto3.client("ec2", endpoint_url=f"http://127.0.0.1:{self.moto}", region_name=REGION, **keys)
        pages = client.get_paginator("describe_instances").paginate()
        return [server for page in pages for group in page["Reservations"] for server in group["Instances"]]

    def queued(self) -> int:
        """Messages that no worker has taken."""
        with current_app.connection_for_read() as connection:
            return int(connection.default_channel.client.llen("celery"))
