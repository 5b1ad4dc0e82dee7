"""Old events go by whole sealed batches, on record, and the log still fits; nothing else may be missing."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from portal.core import clock
from portal.core.errors import Invalid, Refused
from portal.events.models import Event, Position, Seal
from portal.events.removals import ACTION
from portal.events.retention import remove_old
from portal.events.sealing import seal
from portal.events.services import record
from portal.events.verifying import Fault, verify
from portal.users.actor import Actor
from tests.events.log import as_owner, slow_writer, write

LONG_AGO = timedelta(days=400)


@pytest.fixture
def log(fresh_db, world):
    """Two old batches, one that is old and young, and one of today."""
    with clock.travel(clock.now() - LONG_AGO):
        for count in (3, 2):
            write(world, count)
            seal()
        write(world, 1)
    write(world, 1)
    seal()
    write(world, 2)
    seal()


def remove(days: int = 365) -> int:
    return remove_old(days, actor=Actor.system())


def test_whole_old_batches_go_and_the_log_still_fits(log):
    assert remove() == 5
    report = verify()
    assert (report.broken, report.removed_through, report.events) == (None, 5, 5)
    assert [each.last for each in Seal.objects.order_by("number")[:2]] == [3, 5], "the seals stay"
    assert Event.objects.get(action=ACTION).detail["through"] == 5
    assert remove() == 0


def test_a_later_removal_takes_the_record_of_the_earlier_one_with_it(log, world):
    remove()
    with clock.travel(clock.now() + 2 * LONG_AGO):
        write(world)
        seal()
        assert remove() == 5
        assert Event.objects.filter(action=ACTION).count() == 1
        assert (verify().broken, verify().removed_through) == (None, 10)


def test_the_command_tells_before_it_removes(log):
    out = StringIO()
    call_command("remove_events", older_than=365, stdout=out)
    assert out.getvalue() == "5 events up to position 5 would be removed; --remove does it\n"
    assert Position.objects.count() == 9
    call_command("remove_events", older_than=365, remove=True, stdout=out)
    call_command("remove_events", older_than=365, stdout=out)
    assert out.getvalue().endswith("5 events removed\nNo whole batch is that old\n")


def test_young_events_are_never_removed(log):
    with pytest.raises(Invalid):
        remove(29)
    with pytest.raises(CommandError, match="at least 30 days"):
        call_command("remove_events", older_than=0)


def test_while_the_record_cannot_be_sealed_nothing_goes_and_the_next_call_carries_it_out(log):
    with slow_writer(Event.objects.first()), pytest.raises(Refused):
        remove()
    assert Position.objects.filter(position__lte=5).count() == 5
    assert remove() == 5
    assert Event.objects.filter(action=ACTION).count() == 1
    assert verify().broken is None


def test_one_event_more_than_recorded_is_missed(log):
    remove()
    gone = Position.objects.order_by("position").first()
    as_owner("DELETE FROM events_event WHERE id = %s", gone.event_id)
    as_owner("DELETE FROM events_position WHERE position = %s", gone.position)
    assert verify().broken.fault == Fault.GAP
    assert verify().broken.position == 6


def test_events_that_went_without_a_record_are_missed(log):
    as_owner("DELETE FROM events_position WHERE position <= 5")
    assert (verify().broken.fault, verify().broken.position) == (Fault.GAP, 1)


def test_a_record_that_no_key_signed_excuses_nothing(log, world):
    last = Seal.objects.get(last=5)
    forged = {"through": 5, "chained": bytes(last.chained).hex(), "before": "2026-01-01", "key": "k1"}
    for signature in ("", "AAAA", "%"):
        record(ACTION, last, actor=world.actor("erin"), **forged, signature=signature)
    record(ACTION, last, actor=world.actor("erin"))
    seal()
    as_owner("DELETE FROM events_position WHERE position <= 5")
    assert (verify().broken.fault, verify().broken.position) == (Fault.GAP, 1)


def test_the_seals_of_what_was_removed_are_still_held_together(log):
    remove()
    as_owner("UPDATE events_seal SET root = set_byte(root, 0, get_byte(root, 0) # 1) WHERE number = 1")
    assert (verify().broken.fault, verify().broken.seal) == (Fault.CHAIN, 1)
