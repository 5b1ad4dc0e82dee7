"""What can be chosen, as clouds show it over time: no single absence, partial page or error takes anything away."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from portal.clouds import queries, syncing, tasks
from portal.clouds.base import Choice as Offered
from portal.clouds.base import CloudError
from portal.clouds.models import Choice, Connection, ConnectionCheck, ConnectionState
from portal.clouds.schemas import COMPUTE
from portal.core import clock
from portal.events.models import Event
from tests.cast import World
from tests.clouds import kit
from tests.clouds.scripted import Scripted, partial, size, whole

REGION = "eu-west-1"
DOWN = CloudError("no route", retry=True, kind="unreachable")


@pytest.fixture(autouse=True)
def scripted(settings: Any) -> Iterator[None]:
    settings.PORTAL_PROVIDERS = kit.SCRIPTED
    Scripted.reset()
    yield
    Scripted.reset()


@pytest.fixture
def connection(world: World) -> Connection:
    return kit.connection(world)


def sync(connection: Connection, *listings: Any) -> list[str]:
    """Sync once for each listing; the sizes on offer after the last."""
    for listing in listings:
        Scripted.found = {REGION: listing}
        syncing.sync(connection.pk)
    return [key for key, _ in queries.options(connection, "size", REGION)]


class TestAbsences:
    def test_what_is_there_is_offered_from_small_to_large(self, connection: Connection) -> None:
        assert sync(connection, whole(size("big", 8, 32768), size("small", 1, 512), size("mid", 2, 4096))) == [
            "small",
            "mid",
            "big",
        ]

    def test_one_absence_takes_nothing_away(self, connection: Connection) -> None:
        assert sync(connection, whole(size("a"), size("b")), whole(size("a"))) == ["a", "b"]

    def test_two_whole_listings_without_it_make_it_missing_and_nothing_is_deleted(self, connection: Connection) -> None:
        assert sync(connection, whole(size("a"), size("b")), whole(size("a")), whole(size("a"))) == ["a"]
        missing = Choice.objects.get(connection=connection, key="b")
        assert missing.missing_since is not None

    def test_partial_listings_never_make_anything_missing(self, connection: Connection) -> None:
        assert sync(connection, whole(size("a"), size("b")), *[partial(size("a"))] * 5) == ["a", "b"]

    def test_an_empty_listing_where_there_were_many_is_not_believed_at_once(self, connection: Connection) -> None:
        assert sync(connection, whole(size("a"), size("b")), whole()) == ["a", "b"]

    def test_what_comes_back_is_offered_again_and_counted_anew(self, connection: Connection) -> None:
        everything, less = whole(size("a"), size("b")), whole(size("a"))
        assert sync(connection, everything, less, everything, less) == ["a", "b"]
        assert sync(connection, less) == ["a"]
        assert sync(connection, everything) == ["a", "b"]

    def test_errors_leave_the_last_good_picture_with_its_age_and_cause(self, connection: Connection) -> None:
        noon = clock.now()
        with clock.travel(noon):
            sync(connection, whole(size("a")))
        Scripted.errors = {REGION: DOWN}
        for hour in range(1, 4):
            with clock.travel(noon + timedelta(hours=hour)):
                assert sync(connection, whole()) == ["a"]
        picture = queries.pictures_of(connection).get()
        assert (picture.synced_at, picture.error_kind) == (noon, "unreachable")
        assert picture.failing_since == noon + timedelta(hours=1)
        connection.refresh_from_db()
        with clock.travel(noon + timedelta(hours=3)):
            assert connection.age == timedelta(hours=3)

    def test_one_region_that_fails_does_not_hold_up_the_other(self, world: World) -> None:
        both = kit.connection(world, config={"regions": "eu-west-1,eu-central-1"})
        Scripted.errors = {REGION: DOWN}
        Scripted.found = {"eu-central-1": whole(size("a"))}
        syncing.sync(both.pk)
        assert queries.options(both, "size", "eu-central-1") == [("a", "a")]
        both.refresh_from_db()
        assert both.synced_at is None

    def test_a_region_that_the_account_does_not_have_is_said(self, world: World) -> None:
        lost = kit.connection(world, config={"regions": "mars-1"})
        syncing.sync(lost.pk)
        assert queries.pictures_of(lost).get().error_kind == "refused"

    def test_an_event_says_when_it_begins_to_fail_and_when_it_is_well(self, connection: Connection) -> None:
        sync(connection, whole(), whole())
        Scripted.errors = {REGION: DOWN}
        sync(connection, whole(), whole())
        Scripted.errors = {}
        sync(connection, whole(), whole())
        events = Event.objects.filter(action="clouds.sync_choices").order_by("at")
        assert [event.outcome for event in events] == ["done", "failed", "done"]

    @pytest.mark.parametrize("state", set(ConnectionState) - {ConnectionState.READY})
    def test_only_a_connection_in_use_is_synced(self, connection: Connection, state: str) -> None:
        Connection.objects.filter(pk=connection.pk).update(state=state)
        sync(connection, whole(size("a")))
        assert Scripted.asked == []


class TestOffers:
    def test_a_form_gets_the_options_of_its_fields(self, connection: Connection) -> None:
        sync(connection, whole(size("a"), Offered("image", "ami-1", "Debian"), Offered("key", "hers", "hers")))
        assert queries.form_options(COMPUTE, connection, REGION) == {
            "region": [(REGION, "Ireland")],
            "size": [("a", "a")],
            "image": [("ami-1", "Debian")],
            "network": [],
            "ssh_key": [("hers", "hers")],
        }

    def test_regions_stand_in_the_order_of_the_connection(self, connection: Connection) -> None:
        for key in ("eu-central-1", "eu-west-1"):
            Choice.objects.create(connection=connection, choice_kind="region", key=key, name=key)
        connection.config = {"regions": "eu-west-1, eu-central-1"}
        assert queries.options(connection, "region") == [("eu-west-1", "eu-west-1"), ("eu-central-1", "eu-central-1")]

    def test_what_is_not_on_offer_is_named(self, connection: Connection) -> None:
        sync(connection, whole(size("a"), Offered("image", "ami-1", "Debian")))
        spec = {"name": "web", "region": REGION, "size": "huge", "image": "ami-1", "network": "", "ssh_key": ""}
        assert queries.unknown_choices(spec, COMPUTE, connection, REGION) == ["size"]

    def test_a_projects_orders_may_go_where_it_or_a_scope_above_is_connected(self, world: World) -> None:
        kit.connection(world, name="whole organization", key="1")
        kit.connection(world, name="its tenant", key="2", scope=world.retail)
        kit.connection(world, name="another tenant", key="3", scope=world.logistics)
        kit.connection(world, name="another organization", key="4", scope=world.other)
        kit.connection(world, name="only observed", key="5", rung="observe")
        kit.connection(world, name="not in use", key="6", state=ConnectionState.WAITING)
        found = queries.connections_for(world.web, "compute")
        assert [connection.name for connection in found] == ["its tenant", "whole organization"]
        assert not queries.connections_for(world.web, "database").exists()


class TestSweep:
    def test_it_begins_what_is_due_and_what_was_lost(self, world: World, connection: Connection) -> None:
        lost = ConnectionCheck.objects.create(connection=connection, planned=1)
        old = kit.connection(world, name="old", key="2", checked_at=clock.now() - timedelta(hours=2), synced_at=clock.now())
        sent: list[tuple[str, str]] = []
        with clock.travel(clock.now() + timedelta(minutes=3)), caught_messages(sent):
            tasks.sweep()
        running = old.checks.get()
        assert set(sent) == {
            ("clouds.check", str(lost.pk)),
            ("clouds.check", str(running.pk)),
            ("clouds.sync_choices", str(connection.pk)),
        }

    def test_a_region_that_fails_is_not_asked_every_minute(self, connection: Connection) -> None:
        Scripted.errors = {REGION: DOWN}
        syncing.sync(connection.pk)
        for minutes, expected in ((1, []), (11, [("clouds.sync_choices", str(connection.pk))])):
            sent: list[tuple[str, str]] = []
            with clock.travel(clock.now() + timedelta(minutes=minutes)), caught_messages(sent):
                tasks.sweep()
            assert sent == expected


@contextmanager
def caught_messages(sent: list[tuple[str, str]]) -> Iterator[None]:
    """Messages sent inside the block, as (task, id)."""
    with patch("portal.core.queue.after_commit", lambda task, *args: sent.append((task, str(args[0])))):
        yield
