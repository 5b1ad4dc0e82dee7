"""A connection string opens a real PostgreSQL, is handed over once to who asked, and lies nowhere."""

from datetime import timedelta
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

from portal.clouds.base import Secret
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.core.models import Parcel
from portal.orders.drafts import ItemDraft
from portal.provisioning.models import Resource, Step
from portal.provisioning.reconcile import reconcile
from portal.provisioning.services import rotate_secret, take_secret
from tests.cast import give


def made(market):
    market.approve(market.place(market.database_draft()))
    market.work(1)
    return Resource.objects.get(capability="database")


@pytest.fixture
def database(market):
    return made(market)


@pytest.fixture
def take(market, database):
    return lambda who="alice": take_secret(database, actor=market.world.actor(who))


def opens(secret):
    with psycopg.connect(secret, connect_timeout=5) as link:
        return link.execute("SELECT current_database()").fetchone()[0]


def rotated(market, database, who="alice"):
    rotate_secret(database, actor=market.world.actor(who))
    reconcile(database.pk)


def tables_with(text):
    """Every table of this database in which a row holds the text, in any column."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        found = []
        for name in names:
            cursor.execute(f'SELECT count(*) FROM "{name}" AS row WHERE row::text LIKE %s', [f"%{text}%"])
            found += [name] if cursor.fetchone()[0] else []
    assert len(names) > 30
    return found


def test_the_connection_string_opens_the_database_and_can_be_used(database, take):
    secret = take()
    assert opens(secret) == database.external_id
    with psycopg.connect(secret) as link:
        link.execute("CREATE TABLE kept (n int)")
        assert link.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_it_is_handed_over_once(take):
    assert take()
    assert take() is None


def test_another_person_gets_nothing_even_with_the_right(market, take):
    give(market.world.carol, "member", market.world.web)
    assert take("carol") is None
    for name, refusal in (("bob", Forbidden), ("erin", Forbidden), ("mallory", NotFound)):
        with pytest.raises(refusal):
            take(name)
    assert take("alice")


def test_it_goes_to_whom_it_is_for(market):
    give(market.world.carol, "member", market.world.web)
    market.approve(market.place(market.database_draft(), beneficiary=market.world.carol))
    market.work(1)
    resource = Resource.objects.get()
    assert take_secret(resource, actor=market.world.actor("alice")) is None
    assert opens(take_secret(resource, actor=market.world.actor("carol")))


def test_after_ten_minutes_it_is_gone_and_can_be_rotated(market, database, take):
    with clock.travel(clock.now() + timedelta(minutes=11)):
        assert take() is None
    rotated(market, database)
    assert opens(take())


def test_rotated_the_new_one_opens_and_the_old_one_does_not(market, database, take):
    old = take()
    rotated(market, database)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        opens(old)
    new = take()
    assert opens(new) == opens(new)
    assert new != old


def test_a_secret_that_was_replaced_before_it_was_read_is_not_handed_over(market, database, take):
    give(market.world.carol, "member", market.world.web)
    rotated(market, database, "carol")
    assert take("alice") is None
    assert opens(take("carol"))


def test_rotating_needs_the_right_a_database_and_that_it_runs(market, database):
    with pytest.raises(Forbidden):
        rotate_secret(database, actor=market.world.actor("bob"))
    with pytest.raises(NotFound):
        rotate_secret(database, actor=market.world.actor("mallory"))
    server = market.active(key="k2")
    with pytest.raises(Invalid):
        rotate_secret(server, actor=market.world.actor("alice"))
    rotate_secret(database, actor=market.world.actor("alice"))
    with pytest.raises(Conflict):
        rotate_secret(database, actor=market.world.actor("alice"))
    reconcile(database.pk)
    Resource.objects.filter(pk=database.pk).update(state="stopped")
    with pytest.raises(Conflict):
        rotate_secret(database, actor=market.world.actor("alice"))


def test_the_password_lies_in_no_table_no_message_and_no_log(fresh_db, market, monkeypatch, caplog):
    sent = []

    class Broker:
        def send_task(self, name, args=None, **options):
            sent.append((name, args, options))

    monkeypatch.setattr("portal.core.queue.current_app", Broker())
    shown = []
    reveal = Secret.reveal
    monkeypatch.setattr(Secret, "reveal", lambda self: shown.append(reveal(self)) or shown[-1])
    with caplog.at_level("DEBUG"):
        database = made(market)
        rotated(market, database)
        taken = take_secret(database, actor=market.world.actor("alice"))
    assert shown[-1] == taken
    assert len(shown) == 2
    for secret in shown:
        password = urlsplit(secret).password
        assert len(password) >= 32
        assert tables_with(password) == []
        assert password not in caplog.text
        assert password not in repr(sent)
    assert {"provisioning.reconcile", "notices.deliver"} <= {name for name, _, _ in sent}
    assert "provisioning_resource" in tables_with(database.external_id), "the search finds what is there"


def test_what_is_gone_has_no_secret_and_no_database(market, database, take):
    old = take()
    rotated(market, database)
    market.approve(market.place(ItemDraft(action="terminate", resource_id=database.pk), key="end"))
    market.work(1)
    assert (take(), Parcel.objects.count()) == (None, 0)
    with pytest.raises(psycopg.OperationalError):
        opens(old)


def test_a_secret_does_not_print_and_is_in_no_step(database):
    assert "postgresql://" not in str(list(Step.objects.values()))
    assert "hush" not in repr(Secret("hush"))
