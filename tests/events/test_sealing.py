"""Every committed event gets one position, in the order of transactions: whoever commits late, is killed or comes twice."""

import base64
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor, wait
from multiprocessing import get_context
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, connections, transaction

from portal.events import checkpoints, keys, merkle
from portal.events.models import Event, Position, Seal, SealKey
from portal.events.sealing import seal
from portal.events.services import record
from portal.events.tasks import seal as seal_task
from tests import databases
from tests.events.log import events_by_transaction, sealed_events, slow_writer, write
from tests.races import at_once
from tests.sizes import size

TABLES = {"events_position": "leaf", "events_seal": "root", "events_sealkey": "public", "events_era": "horizon"}


def test_events_are_sealed_in_the_order_of_their_transactions(fresh_db, world):
    for count in (3, 1, 2):
        write(world, count)
        assert seal() == count
    assert sealed_events() == events_by_transaction()
    sizes = [each.last - each.first + 1 for each in Seal.objects.order_by("number")]
    assert sizes[-3:] == [3, 1, 2]
    assert sum(sizes) == Position.objects.count()


def test_a_seal_states_its_root_and_all_before_it_and_is_signed(fresh_db, world):
    for count in (5, 2):
        write(world, count)
        seal_task()
    last, before = Seal.objects.order_by("-number")[:2]
    leaves = [bytes(each.leaf) for each in Position.objects.filter(position__gte=last.first).order_by("position")]
    assert bytes(last.root) == merkle.root(leaves)
    assert bytes(last.previous) == bytes(before.chained)
    assert bytes(last.chained) == checkpoints.chain(bytes(before.chained), bytes(last.root), first=last.first, last=last.last)
    assert checkpoints.is_signed(last.checkpoint.statement(), bytes(last.signature), keys.public_keys()[last.key_id])


def test_nothing_new_makes_no_seal(fresh_db, world):
    write(world)
    seal()
    before = Seal.objects.count()
    assert seal() == 0
    assert Seal.objects.count() == before


def test_what_does_not_fit_one_batch_is_sealed_in_several(fresh_db, world):
    write(world, 25)
    assert seal(most=10) == 25
    assert [each.last - each.first + 1 for each in Seal.objects.order_by("-number")[:3]] == [5, 10, 10]
    assert sealed_events() == events_by_transaction()


def test_a_late_commit_holds_back_what_came_after_it_and_goes_before_it(fresh_db, world):
    [like] = write(world)
    seal()
    with slow_writer(like) as slow:
        early = write(world, 3)
        assert seal() == 0
        slow.commit()
    assert seal() == 4
    told = sealed_events()[-4:]
    assert Event.objects.get(pk=told[0]).action == "slow"
    assert told[1:] == sorted(event.pk for event in early)


def test_what_is_rolled_back_leaves_no_gap(fresh_db, world):
    [like] = write(world)
    with slow_writer(like) as slow:
        slow.rollback()
    write(world)
    assert seal() == 2
    assert sealed_events() == events_by_transaction()


def test_the_sealer_locks_no_event(fresh_db, world):
    [event] = write(world)
    with transaction.atomic():
        assert seal() == 1
        with psycopg.connect(databases.url_of(fresh_db, "owner")) as owner:
            owner.execute("SELECT 1 FROM events_event WHERE id = %s FOR UPDATE NOWAIT", [event.pk])


@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize(("table", "column"), TABLES.items())
def test_the_role_of_the_app_cannot_change_what_is_sealed(world, table, column, statement):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table, column, column))


def test_no_position_and_no_event_can_be_given_twice(fresh_db, world):
    write(world)
    seal()
    placed = Position.objects.get()
    for twice in ({"position": placed.position, "event_id": world.web.pk}, {"position": 10**9, "event_id": placed.event_id}):
        with pytest.raises(DatabaseError, match="unique"):
            Position.objects.create(leaf=b"", **twice)


# Keys


def new_key(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def test_a_new_key_signs_from_now_on_and_the_old_one_stays_published(fresh_db, world, settings):
    write(world)
    seal()
    [old] = settings.PORTAL_SEAL_KEYS
    settings.PORTAL_SEAL_KEYS = [new_key("k2")]
    write(world)
    seal()
    assert Seal.objects.order_by("-number").first().key_id == "k2"
    assert set(keys.public_keys()) == {old.partition(":")[0], "k2"}


def test_another_key_under_an_id_that_has_signed_is_refused(fresh_db, world, settings):
    write(world)
    seal()
    settings.PORTAL_SEAL_KEYS = [new_key("k1")]
    write(world)
    with pytest.raises(ImproperlyConfigured, match="another key under the id k1"):
        seal()
    assert Position.objects.count() == 1


@pytest.mark.parametrize("wrong", [[], ["k1"], ["k1:AAAA"], ["k1:%%%"], [":" + new_key("")[1:]], [new_key("k" * 21)]])
def test_without_a_key_that_can_be_read_nothing_is_sealed(fresh_db, world, settings, wrong):
    settings.PORTAL_SEAL_KEYS = wrong
    write(world)
    with pytest.raises(ImproperlyConfigured, match="PORTAL_SEAL_KEYS"):
        seal()
    assert not Position.objects.exists()
    assert not SealKey.objects.exists()


# Races


def slow_writers(world, many: int, each: int) -> list[Any]:
    """Writers whose transactions stay open for a while, each for another."""

    def write_slowly(turn: int) -> int:
        actor = world.actor("erin")
        for number in range(each):
            with transaction.atomic(), connection.cursor() as cursor:
                for part in range(1 + number % 3):
                    record("tenancy.rename", world.web, actor=actor, turn=turn, number=number, part=part)
                cursor.execute("SELECT pg_sleep(%s)", [(turn * 7 + number * 3) % 11 / 500])
                if number % 7 == 6:
                    transaction.set_rollback(True)
        return each

    return [lambda turn=turn: write_slowly(turn) for turn in range(many)]


@pytest.mark.proof
def test_sixteen_writers_and_two_sealers_at_once_skip_no_event_and_double_none(fresh_db, world, figures):
    written = False
    batches: list[int] = []

    def keep_sealing() -> None:
        while not written:
            batches.append(seal(most=50))
        connections.close_all()

    sealers = [Thread(target=keep_sealing) for _sealer in range(2)]
    for sealer in sealers:
        sealer.start()
    answers = at_once(*slow_writers(world, 16, size(20, 400)))
    written = True
    for sealer in sealers:
        sealer.join()
    assert set(answers) == {size(20, 400)}
    seal()
    assert sealed_events() == events_by_transaction()
    ends = list(Seal.objects.order_by("number").values_list("first", "last"))
    assert [first for first, _last in ends] == [1, *(last + 1 for _first, last in ends[:-1])]
    figures(writers=16, sealers=2, events=Event.objects.count(), seals=len(ends), skipped=0, doubled=0)


def test_a_sealer_that_finds_another_at_work_leaves_it_alone(fresh_db, world):
    write(world)
    with psycopg.connect(databases.url_of(fresh_db)) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('events.seal', 0))")
        assert seal() == 0
    assert seal() == 1


def test_a_sealer_that_is_told_to_waits_for_its_turn(fresh_db, world):
    write(world)
    with psycopg.connect(databases.url_of(fresh_db)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('events.seal', 0))")
        sealed = pool.submit(seal_in_a_thread)
        assert not wait([sealed], timeout=0.3).done
        other.rollback()
        assert sealed.result(timeout=30) == 1


def seal_in_a_thread() -> int:
    try:
        return seal(waits=True)
    finally:
        connections.close_all()


def seal_without_end() -> None:
    connections.close_all()
    while True:
        seal(batches=1, most=3)


@pytest.mark.proof
def test_a_sealer_killed_again_and_again_skips_no_event_and_doubles_none(fresh_db, world, figures):
    for _transaction in range(40):
        write(world, 5)
    connections.close_all()
    kills = size(6, 100)
    for kill in range(kills):
        sealer = get_context("fork").Process(target=seal_without_end)
        sealer.start()
        sealer.join(0.05 + kill % 7 / 50)
        sealer.kill()
        sealer.join()
        assert sealer.exitcode == -signal.SIGKILL
    seal()
    assert sealed_events() == events_by_transaction()
    figures(kills=kills, events=Event.objects.count(), skipped=0, doubled=0)
