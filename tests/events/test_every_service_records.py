"""Every service writes an event, within the transaction of what it does: one that does not is named here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection, transaction

from portal.core import queue
from portal.events.models import Event
from tests.events.acts import ACTS, EXEMPT, LEASE_ACTS, SERVICES, Stage, public_functions

PORTAL = Path(__file__).parents[2] / "portal"


def test_every_module_of_services_is_looked_at():
    known = {f"portal.{path.parent.name}.services" for path in PORTAL.glob("*/services.py")}
    assert known <= set(SERVICES), "Add these to SERVICES in tests/events/acts.py"


def test_every_service_is_in_the_table_or_says_why_not():
    named = [*ACTS, *LEASE_ACTS, *EXEMPT]
    assert sorted(public_functions() - set(named)) == [], "Call these in tests/events/acts.py, or say why they need no event"
    assert sorted(set(named) - public_functions()) == [], "these are no services any more"
    assert len(named) == len(set(named))
    assert all(EXEMPT.values())


def test_each_leaves_an_event_in_the_transaction_of_what_it_does(market, monkeypatch):
    monkeypatch.setattr(queue, "depth", lambda: 0)
    assert silent(ACTS, Stage(market), monkeypatch) == []


@pytest.mark.parametrize("name", sorted(LEASE_ACTS))
def test_each_service_of_leases_does_as_well(desk, monkeypatch, name):
    prepare, act = LEASE_ACTS[name]
    prepared = prepare(desk)  # a worker mints in transactions of its own, which nothing may be around
    assert silent({name: (lambda _desk: prepared, act)}, desk, monkeypatch) == []


def test_a_service_without_an_event_and_one_outside_its_transaction_are_found(world, monkeypatch):
    def outside(on, _):
        on.world.web.save()
        Event.objects.first()

    acts = {"silent": (lambda on: None, outside)}

    class On:
        pass

    on = On()
    on.world = world
    assert silent(acts, on, monkeypatch) == ["silent leaves no event"]
    actor = world.actor("erin")
    from_outside = {
        "loose": (lambda on: None, lambda on, _: Event(actor=actor.user, action="x.y", target_kind="a", target_id="1").save())
    }
    assert silent(from_outside, on, monkeypatch) == ["loose writes its event outside a transaction of its own"]


def silent(acts, stage, monkeypatch) -> list[str]:
    """The services of a table that leave no event, or write it outside the transaction that they open; nothing of it stays."""
    wrong = []
    for name, (prepare, act) in sorted(acts.items()):
        with transaction.atomic():
            prepared = prepare(stage)
            with events_written(monkeypatch) as depths:
                act(stage, prepared)
            transaction.set_rollback(True)
        if not depths:
            wrong.append(f"{name} leaves no event")
        elif min(depths) <= 0:
            wrong.append(f"{name} writes its event outside a transaction of its own")
    return wrong


@contextmanager
def events_written(monkeypatch) -> Iterator[list[int]]:
    """For each event that is written meanwhile, how many transactions were opened around it since."""
    before, depths, save, many = len(connection.savepoint_ids), [], Event.save, Event.objects.bulk_create

    def note():
        depths.append(len(connection.savepoint_ids) - before)

    def saved(self, *args, **kwargs):
        note()
        return save(self, *args, **kwargs)

    def created(rows, *args, **kwargs):
        rows = list(rows)
        for _row in rows:
            note()
        return many(rows, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Event, "save", saved)
        patch.setattr(Event.objects, "bulk_create", created)
        yield depths
