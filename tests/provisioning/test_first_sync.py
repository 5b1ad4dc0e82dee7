"""A connection that has just come into use is read by the next sweep, and by who asks for it."""

import pytest

from portal.clouds.models import ConnectionState
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, NotFound
from portal.events.models import Event
from portal.provisioning import tasks
from portal.provisioning.models import Sync
from portal.provisioning.services import sync_connection
from tests.clouds import kit


@pytest.fixture(autouse=True)
def asked(settings, monkeypatch):
    """The tasks that were sent, with their ids."""
    settings.PORTAL_PROVIDERS = kit.SCRIPTED
    sent = []
    monkeypatch.setattr("portal.core.queue._send", lambda task, args: sent.append((task, *args)))
    return sent


def test_the_next_sweep_reads_a_new_connection_and_then_not_again(world, asked, settings, django_capture_on_commit_callbacks):
    connection = kit.connection(world)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
    assert ("provisioning.sync", str(connection.pk)) in asked
    assert settings.CELERY_BEAT_SCHEDULE["provisioning.sweep"]["schedule"] <= 5
    asked.clear()
    Sync.objects.create(connection=connection, region="eu-west-1", capability="compute", tried_at=clock.now())
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
    assert asked == []


def test_who_may_change_it_asks_for_both_reads_and_it_is_recorded(world, asked, django_capture_on_commit_callbacks):
    connection = kit.connection(world)
    for name, refusal in (("alice", NotFound), ("mallory", NotFound), ("carol", Forbidden)):
        with pytest.raises(refusal):
            sync_connection(connection, actor=world.actor(name))
    with django_capture_on_commit_callbacks(execute=True):
        sync_connection(connection, actor=world.actor("dave"))
    assert asked == [("clouds.sync_choices", str(connection.pk)), ("provisioning.sync", str(connection.pk))]
    assert Event.objects.filter(action="provisioning.ask_sync", actor=world.dave).count() == 1


def test_what_is_not_in_use_is_not_read(world, asked):
    connection = kit.connection(world, state=ConnectionState.WAITING)
    with pytest.raises(Conflict):
        sync_connection(connection, actor=world.actor("dave"))
    assert asked == []
