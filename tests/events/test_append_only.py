"""The log takes new rows and nothing else."""

import pytest
from django.db import DatabaseError, connection, transaction

from portal.events.models import Event
from portal.events.services import HIDDEN, record


@pytest.fixture
def event(world):
    return record("tenancy.rename", world.web, actor=world.actor("erin"), before="web", api_token="t0p")


def test_an_event_keeps_who_what_where_and_the_transaction(world, event):
    event.refresh_from_db()
    assert (event.actor, event.target_kind, event.target_id) == (world.erin, "scope", str(world.web.pk))
    assert event.scope_path == world.web.path
    assert event.xid > 0


def test_secrets_never_reach_an_event(event):
    assert event.detail == {"before": "web", "api_token": HIDDEN}


@pytest.mark.parametrize(
    "statement", ["UPDATE events_event SET action = 'x'", "DELETE FROM events_event", "TRUNCATE events_event"]
)
def test_the_role_of_the_app_cannot_change_an_event(event, statement):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Event.objects.count() == 1
