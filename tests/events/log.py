"""What the tests of the seals write into the log, how they break it, and a writer that takes its time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connections

from portal.events.models import Event
from portal.events.services import event_of, record_all
from tests.cast import World

COPIED = [str(field.column) for field in Event._meta.concrete_fields if field.column not in ("id", "action", "xid")]


def write(world: World, count: int = 1, **said: Any) -> list[Event]:
    """So many events of erin's, committed together."""
    erin = world.actor("erin")
    events = [event_of("tenancy.rename", world.web, actor=erin, number=number, **said) for number in range(count)]
    record_all(events)
    return events


@contextmanager
def slow_writer(like: Event) -> Iterator[psycopg.Connection]:
    """Somebody's open transaction that has written an event `slow`, like another one. Rolled back unless committed."""
    where = connections["default"].get_connection_params()
    with psycopg.connect(**{name: where[name] for name in ("dbname", "user", "password", "host", "port")}) as writer:
        names = ", ".join(COPIED)
        copy = f"SELECT gen_random_uuid(), 'slow', {names} FROM events_event WHERE id = %s"
        writer.execute(f"INSERT INTO events_event (id, action, {names}) {copy}", [like.pk])
        yield writer
        writer.rollback()


def as_owner(statement: str, *values: Any) -> None:
    """What only the owner of the tables can do; it must have changed something."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount > 0, statement


def sealed_events() -> list[Any]:
    """The ids of the events by their positions, which have no gap."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT position, event_id FROM events_position ORDER BY position")
        rows = cursor.fetchall()
    assert [position for position, _event in rows] == list(range(1, len(rows) + 1))
    return [event for _position, event in rows]


def events_by_transaction() -> list[Any]:
    """The ids of all events in the order in which they are to be sealed."""
    return list(Event.objects.order_by("xid", "id").values_list("pk", flat=True))
