"""Inventory: what is there is found, and nothing is gone before two whole listings lack it and the cloud says so by its id."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from portal.clouds.base import Listing
from portal.core import clock
from portal.core.errors import Conflict
from portal.events.models import Event
from portal.notices.models import Notice
from portal.orders.drafts import ItemDraft
from portal.orders.models import Order
from portal.provisioning.models import Lifeline, Resource, Step, Sync
from portal.provisioning.queries import resources_visible_to, unmanaged_visible_to
from portal.provisioning.reconcile import claim, reconcile
from portal.provisioning.services import operate
from portal.provisioning.syncing import sync
from portal.tenancy.models import Hold
from tests.market import REGION
from tests.provisioning.cloud import found, pends, refused, unreachable
from tests.races import at_once

MOST_SQL = 40


@pytest.fixture
def synced(market, cloud):
    """`synced(minutes=5)`: a sync that begins by then."""

    def run(**after):
        with clock.travel(clock.now() + timedelta(**after)):
            sync(market.aws.pk)

    return run


def shows(cloud, *servers, complete=True, note=""):
    cloud.listing = Listing(servers, complete=complete, note=note)


def absent(cloud, synced, times):
    shows(cloud)
    for number in range(times):
        synced(minutes=5 * (number + 1))


def test_what_is_there_already_appears_as_nobodys(market, cloud, synced):
    shows(cloud, found("i-7", name="mail"), found("i-8", "stopped", name=""))
    synced()
    rows = unmanaged_visible_to(market.world.actor("dave"))
    assert {(row.external_id, row.name, row.state, row.project) for row in rows} == {
        ("i-7", "mail", "running", None),
        ("i-8", "i-8", "stopped", None),
    }
    assert not Lifeline.objects.exists()
    for stranger in ("alice", "mallory"):
        assert not unmanaged_visible_to(market.world.actor(stranger)).exists()
    assert not resources_visible_to(market.world.actor("dave")).exists()


def test_the_same_listing_again_changes_nothing_but_the_day(cloud, synced):
    shows(cloud, found("i-7"))
    synced()
    before = Resource.objects.get()
    synced(minutes=5)
    after = Resource.objects.get()
    assert (after.pk, after.state) == (before.pk, "running")
    assert after.seen_at > before.seen_at


def test_ours_is_not_found_a_second_time(market, running, synced):
    synced(minutes=5)
    assert Resource.objects.get() == running


def test_what_we_just_asked_for_is_left_to_whom_asked(wanted, cloud, synced):
    step, _ = claim(wanted.pk)
    shows(cloud, found("i-1", key=step.key))
    synced()
    assert Resource.objects.get().state == "creating"


def test_a_key_that_is_not_ours_is_somebody_elses_server(cloud, synced):
    shows(cloud, found("i-7", key="z" * 32), found("i-8", key="0" * 32), found("i-9", key="short"))
    synced()
    assert Resource.objects.filter(project=None).count() == 3


def test_what_stopped_by_other_hands_is_seen_with_its_life_and_event(market, running, cloud, synced):
    shows(cloud, found(running.external_id, "stopped"))
    synced(minutes=5)
    running.refresh_from_db()
    assert (running.state, running.desired, running.name) == ("stopped", "running", "web-1")
    assert Lifeline.objects.get(period__endswith=None).state == "stopped"
    event = Event.objects.get(action="provisioning.observe")
    assert (event.target_id, event.detail) == (str(running.pk), {"before": "running", "state": "stopped"})


def test_one_absence_is_nothing(running, cloud, synced):
    absent(cloud, synced, 1)
    running.refresh_from_db()
    assert (running.state, running.lacked) == ("running", 1)
    cloud.listing = None
    synced(minutes=30)
    running.refresh_from_db()
    assert (running.state, running.lacked) == ("running", 0)


@pytest.mark.parametrize("listing", ["incomplete", "failing"])
def test_an_incomplete_or_failing_listing_takes_nothing_away_and_is_said(market, running, cloud, synced, listing):
    synced(minutes=1)
    good = Sync.objects.get().good_at
    if listing == "incomplete":
        shows(cloud, complete=False, note="A page was missing.")
    else:
        cloud.listing = unreachable("No answer.")
    for number in range(2, 6):
        synced(minutes=5 * number)
    running.refresh_from_db()
    seen = Sync.objects.get()
    assert (running.state, running.lacked, seen.good_at) == ("running", 0, good)
    assert seen.error == {"incomplete": "A page was missing.", "failing": "No answer."}[listing]


def test_two_whole_absences_and_a_no_by_its_id_are_the_end(market, running, cloud, synced):
    cloud.servers.clear()
    absent(cloud, synced, 2)
    running.refresh_from_db()
    assert running.state == "gone"
    assert not Lifeline.objects.filter(period__endswith=None).exists()
    assert Hold.objects.count() == 0, "its quota is free"
    assert Notice.objects.get(user=market.world.alice, topic="resource_failed").params["label"] == "web-1"
    with pytest.raises(Conflict):
        market.place(ItemDraft(action="terminate", resource_id=running.pk), key="end")
    synced(minutes=60)
    assert Event.objects.filter(action="provisioning.observe").count() == 1


def test_what_the_cloud_still_knows_by_its_id_is_there(running, cloud, synced):
    absent(cloud, synced, 3)
    running.refresh_from_db()
    assert (running.state, running.lacked) == ("running", 1)
    assert Lifeline.objects.filter(period__endswith=None).count() == 1


def test_what_cannot_be_asked_for_is_missing_and_lives_on(running, cloud, synced):
    cloud.reads = {running.external_id: unreachable()}
    absent(cloud, synced, 4)
    running.refresh_from_db()
    assert running.state == "missing"
    assert Lifeline.objects.get(period__endswith=None).state == "running"
    cloud.listing = None
    synced(minutes=60)
    running.refresh_from_db()
    assert running.state == "running"
    assert Lifeline.objects.filter(period__endswith=None).count() == 1


def test_nobodys_server_goes_in_the_same_way(cloud, synced):
    shows(cloud, found("i-7"))
    synced()
    absent(cloud, synced, 2)
    assert Resource.objects.get().state == "gone"


def test_another_thing_of_the_same_id_is_another_thing(cloud, synced):
    shows(cloud, found("db", generation="1"))
    synced()
    cloud.servers["db"] = found("db", generation="2")
    shows(cloud, found("db", generation="2"))
    synced(minutes=5)
    synced(minutes=10)
    assert set(Resource.objects.values_list("generation", "state")) == {("1", "gone"), ("2", "running")}


def test_an_end_that_other_hands_were_faster_with_is_done(market, running, cloud, synced):
    order = market.place(ItemDraft(action="terminate", resource_id=running.pk), key="end")
    market.approve(order)
    cloud.servers.clear()
    absent(cloud, synced, 2)
    market.work(1)
    assert Order.objects.get(pk=order.pk).state == "done"
    assert Hold.objects.count() == 0


def test_a_running_step_is_not_disturbed(market, running, cloud, synced):
    operate(running, "stop", actor=market.world.actor("alice"))
    cloud.script = [pends("stopping", "stopped")]
    reconcile(running.pk)
    shows(cloud, found(running.external_id))
    for number in range(1, 4):
        synced(minutes=5 * number)
    running.refresh_from_db()
    assert running.state == "stopping"
    absent(cloud, synced, 3)
    running.refresh_from_db()
    assert (running.state, running.lacked, Step.objects.last().state) == ("stopping", 0, "waiting")


def test_a_listing_that_began_before_the_last_look_is_old_news(market, running, cloud, synced):
    operate(running, "stop", actor=market.world.actor("alice"))
    with clock.travel(clock.now() + timedelta(minutes=10)):
        reconcile(running.pk)
    shows(cloud, found(running.external_id))
    synced(minutes=9)
    running.refresh_from_db()
    assert running.state == "stopped"


def test_a_connection_that_is_not_in_use_is_not_read(market, cloud, synced):
    market.aws.state = "disabled"
    market.aws.save()
    shows(cloud, found("i-7"))
    synced()
    assert Resource.objects.count() + Sync.objects.count() == 0


def test_two_syncs_at_once_find_everything_once(fresh_db, market, cloud):
    shows(cloud, *(found(f"i-{number}") for number in range(50)))
    assert at_once(*(lambda: sync(market.aws.pk) for _ in range(4))) == [None] * 4
    assert Resource.objects.count() == 50


@pytest.mark.parametrize("number", [10, 300])
def test_the_number_of_statements_does_not_grow_with_the_servers(market, running, cloud, synced, number):
    servers = [found(f"theirs-{index}") for index in range(number)]
    for index in range(number):  # as many of ours
        copy = Resource.objects.get(pk=running.pk)
        copy.pk, copy.external_id = None, f"ours-{index}"
        copy.id = Resource().pk
        copy.save(force_insert=True)
        servers.append(found(f"ours-{index}"))
    ours = cloud.alive()

    def statements(minutes, *shown):
        shows(cloud, *ours, *shown)
        with CaptureQueriesContext(database) as queries:
            synced(minutes=minutes)
        return len(queries)

    stopped = [replace(server, state="stopped") for server in servers]
    counts = {
        "found": statements(5, *servers),
        "again": statements(10, *servers),
        "all stopped": statements(15, *stopped),
        "all absent once": statements(20),
    }
    assert max(counts.values()) <= MOST_SQL, counts
    assert Lifeline.objects.filter(state="stopped").count() == number
    assert Event.objects.filter(action="provisioning.observe").count() == number
    assert Resource.objects.filter(lacked=1).count() == 2 * number


def test_a_real_database_of_others_is_found_and_its_end_is_seen(market):
    admin = market.postgres.open_credentials()
    where = {**market.postgres.config, **admin}
    with psycopg.connect(
        host=where["host"],
        port=where["port"],
        user=where["user"],
        password=where["password"],
        dbname="postgres",
        autocommit=True,
    ) as link:
        link.execute("CREATE DATABASE somebody_elses")
        try:
            sync(market.postgres.pk)
            row = Resource.objects.get(external_id="somebody_elses")
            assert (row.project, row.state, row.capability) == (None, "running", "database")
        finally:
            link.execute("DROP DATABASE somebody_elses")
    for minutes in (5, 10):
        with clock.travel(clock.now() + timedelta(minutes=minutes)):
            sync(market.postgres.pk)
    row.refresh_from_db()
    assert row.state == "gone"


def test_a_region_that_fails_does_not_stop_the_next(market, cloud, synced, monkeypatch):
    market.aws.config = {**market.aws.config, "regions": f"mars-1,{REGION}"}
    market.aws.save()
    listings = {"mars-1": refused("Not open to this account.", "permission"), REGION: Listing((found("i-7"),), complete=True)}

    def by_region(self):
        answer = listings[self.account.region]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(cloud, "list_servers", by_region)
    synced()
    assert dict(Sync.objects.values_list("region", "error_kind")) == {"mars-1": "permission", REGION: ""}
    assert Resource.objects.get().external_id == "i-7"
