"""The text of an event is what PostgreSQL says of the row, and this is what that is, told once more in Python."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.events import merkle
from portal.events.canonical import COLUMNS, canonical_sql, leaf_sql
from portal.events.models import Event
from portal.events.services import event_of

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


def told(value: Any) -> str:
    """A value as jsonb prints it."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{told(key)}: {told(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(told(part) for part in value) + "]"
    if isinstance(value, float):
        return f"{abs(Decimal(repr(value))) if value == 0 else Decimal(repr(value)):f}"
    return json.dumps(value, ensure_ascii=False)


def text_and_leaf(event: Event) -> tuple[str, bytes]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {canonical_sql()}, {leaf_sql()} FROM events_event e WHERE id = %s", [event.pk])
        text, leaf = cursor.fetchone()
    return text, bytes(leaf)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    detail=st.dictionaries(TEXT, JSON, max_size=4),
    reason=TEXT,
    at=st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is beside it
)
def test_the_text_of_any_event_is_told_the_same_outside_the_database(world, detail, reason, at):
    event = event_of("orders.place", world.web, actor=world.actor("erin"), reason=reason)
    event.at, event.detail = at, detail
    event.save(force_insert=True)
    event.refresh_from_db(fields=["xid"])
    said = {name: getattr(event, column.removesuffix("::text")) for name, column in COLUMNS.items()}
    said |= {name: str(said[name]) for name in ("id", "actor")}
    text, leaf = text_and_leaf(event)
    assert text == told(said | {"at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"})
    assert leaf == merkle.leaf(text.encode())


def test_every_column_is_in_the_text():
    columns = {field.column for field in Event._meta.concrete_fields}
    assert columns == {column.removesuffix("::text") for column in COLUMNS.values()} | {"at"}


@pytest.mark.django_db
def test_the_text_does_not_depend_on_the_zone_of_who_asks(world):
    event = event_of("orders.place", world.web, actor=world.actor("erin"))
    event.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Shanghai'")
        cursor.execute("SET LOCAL DateStyle TO 'German'")
    there = text_and_leaf(event)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
    assert text_and_leaf(event) == there
