"""The sync of the directory: what it writes, whom it leaves alone, when it stops and asks, and what it costs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.access.models import Assignment, Role, Source
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Unavailable
from portal.events.models import Event
from portal.identity import directory_sync, mapping
from portal.identity.directory import Person
from portal.identity.models import DirectorySync, SyncState
from portal.users.models import Identity, User
from tests.cast import give

VIEWERS = frozenset(["/viewers"])


class Listing:
    """People as a directory would list them; `missing` are there all the same, and a page boundary swallowed them."""

    def __init__(self, people, missing=()):
        self.people, self.missing, self.asked = list(people), {one.subject: one for one in missing}, []

    def directory(self):
        return self.people

    def person(self, subject):
        self.asked.append(subject)
        return self.missing.get(subject)


@pytest.fixture(autouse=True)
def connected(settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"


def people(count, **facts):
    return [
        Person(f"s{n}", f"p{n}", f"p{n}@example.org", f"Person {n}", **{"groups": VIEWERS, **facts}) for n in range(count)
    ]


def sync(source, **given):
    row = DirectorySync.objects.create(state=SyncState.RUNNING, **given)
    directory_sync.perform(row, source)
    row.refresh_from_db()
    return row


def rule(world):
    role = Role.objects.get(key="viewer", scope=None)
    mapping.add_rule(world.retail, role, value="/viewers", actor=world.actor("erin"))


def test_people_come_with_the_roles_of_their_groups(world):
    rule(world)
    done = sync(Listing(people(3)))
    assert (done.state, done.counts["new"], done.counts["gained"]) == ("done", 3, 3)
    user = User.objects.get(username="p1")
    assert (user.email, user.name, user.has_usable_password()) == ("p1@example.org", "Person 1", False)
    assert Assignment.objects.get(user=user).source == Source.RULE
    assert sync(Listing(people(3))).counts == {**done.counts, "new": 0, "gained": 0}


def test_a_name_that_somebody_has_is_not_taken_over(world):
    sync(Listing([Person("s1", "Alice", "alice@example.org"), Person("s2", "system")]))
    made = Identity.objects.get(subject="s1").user
    assert made != world.alice
    assert made.username == "Alice-s1"
    assert Identity.objects.get(subject="s2").user.username == "system-s2"


def test_what_changed_there_changes_here(world):
    rule(world)
    sync(Listing(people(2)))
    moved = Person("s0", "p0", "new@example.org", "New\nName", groups=frozenset())
    done = sync(Listing([moved, *people(2)[1:]]))
    assert (done.counts["changed"], done.counts["lost"]) == (1, 1)
    user = Identity.objects.get(subject="s0").user
    assert (user.email, user.name, user.username) == ("new@example.org", "New Name", "p0")


def test_who_left_is_out_and_comes_back_as_who_she_was(world):
    sync(Listing(people(5)))
    done = sync(Listing(people(4)))
    assert (done.counts["absent"], done.counts["leaving"]) == (1, 1)
    gone = Identity.objects.get(subject="s4").user
    assert not gone.is_active
    assert sync(Listing(people(5))).counts["enabled"] == 1
    gone.refresh_from_db()
    assert gone.is_active


def test_a_page_boundary_swallows_nobody(world):
    """Who is missing from the listing is asked for by her id before anything is taken from her."""
    sync(Listing(people(5)))
    source = Listing(people(4), missing=people(5)[4:])
    done = sync(source)
    assert (source.asked, done.counts["leaving"]) == (["s4"], 0)
    assert Identity.objects.get(subject="s4").user.is_active


def test_what_was_given_by_hand_stays(world):
    sync(Listing(people(1)))
    give(User.objects.get(username="p0"), "viewer", world.web)
    sync(Listing(people(1, groups=frozenset())))
    assert Assignment.objects.get(user__username="p0").source == Source.MANUAL


def test_local_accounts_are_none_of_its_business(world):
    sync(Listing(people(1)))
    assert User.objects.filter(username="alice", is_active=True).exists()


def test_a_dry_run_says_and_writes_nothing(world):
    rule(world)
    sync(Listing(people(3)))
    before = (User.objects.count(), Assignment.objects.count())
    done = sync(Listing(people(5)[1:]), dry_run=True)
    assert (done.state, done.counts["new"], done.counts["leaving"]) == ("done", 2, 1)
    assert (User.objects.count(), Assignment.objects.count()) == before
    assert Identity.objects.get(subject="s0").disabled_at is None


def test_a_sync_that_would_shut_out_many_stops_and_asks(world):
    sync(Listing(people(40)))
    stopped = sync(Listing(people(20)))
    assert (stopped.state, stopped.counts["leaving"]) == ("stopped", 20)
    assert not Identity.objects.exclude(disabled_at=None).exists()
    assert len(directory_sync.leaving_of(stopped)) == 20
    again = directory_sync.go_on(stopped, actor=world.actor("dave"))
    again.state = SyncState.RUNNING
    directory_sync.perform(again, Listing(people(20)))
    assert Identity.objects.exclude(disabled_at=None).count() == 20
    with pytest.raises(Conflict):
        directory_sync.go_on(stopped, actor=world.actor("dave"))


def test_what_was_confirmed_for_twenty_does_not_hold_for_thirty(world):
    sync(Listing(people(40)))
    stopped = sync(Listing(people(20)))
    again = directory_sync.go_on(stopped, actor=world.actor("dave"))
    again.state = SyncState.RUNNING
    directory_sync.perform(again, Listing(people(10)))
    assert again.state == SyncState.STOPPED
    assert not Identity.objects.exclude(disabled_at=None).exists()


def test_an_empty_directory_is_not_believed(world):
    sync(Listing(people(40)))
    assert sync(Listing([])).state == SyncState.STOPPED


def test_what_goes_wrong_is_kept_with_the_sync_and_nothing_is_half_done(world, monkeypatch):
    class Silent(Listing):
        def directory(self):
            raise Unavailable("Keycloak does not answer.")

    monkeypatch.setattr(directory_sync, "plane", lambda: Silent([]))
    row = directory_sync.ask(actor=world.actor("dave"))
    directory_sync.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "Keycloak does not answer.")
    directory_sync.run(row.pk)
    assert DirectorySync.objects.count() == 1


def test_asking_twice_runs_once_and_one_is_due_each_hour(world):
    first = directory_sync.ask(actor=world.actor("dave"))
    assert directory_sync.ask(actor=world.actor("erin")) == first
    assert directory_sync.due() == [first.pk]
    DirectorySync.objects.update(state=SyncState.DONE)
    assert directory_sync.due() == []
    with clock.travel(clock.now() + timedelta(minutes=61)):
        assert len(directory_sync.due()) == 1


def test_a_sync_whose_worker_died_is_taken_up_again(world):
    row = directory_sync.ask(actor=world.actor("dave"))
    DirectorySync.objects.update(state=SyncState.RUNNING, began_at=clock.now())
    assert directory_sync.due() == []
    with clock.travel(clock.now() + timedelta(minutes=16)):
        assert directory_sync.due() == [row.pk]


@pytest.mark.parametrize("name", ["alice", "bob", "carol"])
def test_only_who_operates_the_platform_syncs(world, name):
    with pytest.raises(Forbidden):
        directory_sync.ask(actor=world.actor(name))


def test_ten_thousand_people_come_in_two_hundred_statements(world):
    rule(world)
    everybody = people(10_000)
    with CaptureQueriesContext(connection) as first:
        done = sync(Listing(everybody))
    assert (done.counts["new"], done.counts["gained"]) == (10_000, 10_000)
    assert len(first) <= 200, len(first)
    with CaptureQueriesContext(connection) as second:
        assert sync(Listing(everybody)).counts["changed"] == 0
    assert len(second) <= 20, len(second)
    assert Event.objects.filter(action="identity.create_account").count() == 10_000
