"""Whoever changes the log behind the portal's back is found out, and the first place that does not fit is named."""

import base64
import secrets
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from portal.events import checkpoints, keys
from portal.events.models import Event, Position, Seal
from portal.events.sealing import seal
from portal.events.verifying import Fault, Trust, verify
from tests.events.log import as_owner, slow_writer, write

FLIPPED = "set_byte({0}, 0, get_byte({0}, 0) # 1)"


@pytest.fixture
def log(fresh_db, world) -> list[Any]:
    """Twelve events in three seals; their ids by position."""
    for count in (5, 4, 3):
        write(world, count)
        seal()
    return list(Position.objects.order_by("position").values_list("event_id", flat=True))


def broken(**options: Any) -> str:
    with pytest.raises(CommandError) as error:
        call_command("verify_audit", **options)
    return str(error.value).partition("does not fit: ")[2]


def test_a_log_that_fits_is_said_to(log):
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert out.getvalue().startswith("12 events in 3 seals fit, in ")
    assert out.getvalue().endswith("; 0 not sealed yet\n")


def test_an_empty_log_fits(fresh_db):
    assert verify().broken is None


def test_what_is_not_sealed_yet_is_counted_and_is_no_fault(log, world):
    with slow_writer(Event.objects.first()):
        write(world, 2)
        seal()
        report = verify()
    assert (report.broken, report.events, report.unsealed) == (None, 12, 2)


COLUMNS = {
    "at": "at + interval '1 microsecond'",
    "action": "action || ' '",
    "actor_id": "(SELECT id FROM users_user WHERE id <> actor_id LIMIT 1)",
    "acting_for_id": "actor_id",
    "viewed_as_by_id": "actor_id",
    "auth": 'auth || \'{"address": "10.0.0.1"}\'',
    "target_kind": "'order'",
    "target_id": "'other'",
    "target_label": "'other'",
    "scope_path": "NULL",
    "outcome": "'refused'",
    "reason": "'because'",
    "correlation_id": "'other'",
    "cause": "'order:1'",
    "detail": "jsonb_set(detail, '{number}', '1.0000000000000000000001')",
    "schema": "schema + 1",
    "xid": "xid + 1",
}


def test_every_column_but_the_id_is_changed_below():
    assert {field.column for field in Event._meta.concrete_fields} == {*COLUMNS, "id"}


@pytest.mark.parametrize(("column", "value"), COLUMNS.items())
def test_a_changed_column_is_named_with_position_and_event(log, column, value):
    as_owner(f"UPDATE events_event SET {column} = {value} WHERE id = %s", log[6])
    assert broken() == f"position 7, event {log[6]}, seal 2, {Fault.CHANGED}"


def test_of_two_changes_the_first_is_named(log):
    as_owner("UPDATE events_event SET reason = 'x' WHERE id = ANY(%s)", [log[10], log[2]])
    assert broken().startswith(f"position 3, event {log[2]}, seal 1")


def test_an_event_that_was_taken_away_is_missed(log):
    as_owner("DELETE FROM events_event WHERE id = %s", log[8])
    assert broken() == f"position 9, event {log[8]}, seal 2, {Fault.MISSING}"


@pytest.mark.parametrize("position", [1, 7, 9, 12])
def test_an_event_taken_away_with_its_position_leaves_a_gap(log, position):
    as_owner("DELETE FROM events_event WHERE id = %s", log[position - 1])
    as_owner("DELETE FROM events_position WHERE position = %s", position)
    assert broken().endswith(f"{Fault.GAP}")
    assert broken().startswith(f"position {position}, seal ")


def test_two_events_that_changed_places_are_named(log):
    as_owner(
        "UPDATE events_position p SET event_id = gen_random_uuid(), leaf = o.leaf FROM events_position o "
        "WHERE p.position = 2 AND o.position = 3"
    )
    assert broken().startswith("position 2, ")


def test_a_changed_hash_beside_an_event_is_told_from_a_changed_event(log):
    as_owner(f"UPDATE events_position SET leaf = {FLIPPED.format('leaf')} WHERE position = 6")
    assert broken() == f"position 6, event {log[5]}, seal 2, {Fault.LEAF}"


@pytest.mark.parametrize("column, fault", [  # noqa: PT006
    ("root", Fault.ROOT), ("previous", Fault.CHAIN), ("chained", Fault.CHAIN), ("signature", Fault.SIGNATURE),
])  # fmt: skip
def test_a_flipped_bit_in_a_seal_is_named(log, column, fault):
    as_owner(f"UPDATE events_seal SET {column} = {FLIPPED.format(column)} WHERE number = 2")
    assert broken() == f"position 6, seal 2, {fault}"


def test_a_changed_time_or_end_of_a_seal_is_named(log):
    as_owner("UPDATE events_seal SET last = 11 WHERE number = 3")
    assert broken() == f"position 10, seal 3, {Fault.ROOT}"
    as_owner("UPDATE events_seal SET created_at = created_at + interval '1 microsecond' WHERE number = 2")
    assert broken() == f"position 6, seal 2, {Fault.SIGNATURE}"


@pytest.mark.parametrize("number", [1, 2])
def test_a_seal_that_was_taken_away_is_missed(log, number):
    as_owner("DELETE FROM events_seal WHERE number = %s", number)
    assert broken().endswith(f"seal {number + 1}, {Fault.SEAL}")


def test_positions_that_no_seal_speaks_of_are_named(log):
    as_owner("DELETE FROM events_seal WHERE number = 3")
    assert broken() == f"position 10, event {log[9]}, {Fault.STRAY}"


@pytest.mark.parametrize("xid", ["xid", "xid + 1000000000"])
def test_an_event_put_where_no_transaction_writes_is_named(log, xid):
    """Into the past, or so far ahead that it would not be sealed for long: the role of the app can do both."""
    forged = uuid.uuid4()
    names = ", ".join(field.column for field in Event._meta.concrete_fields if field.column not in ("id", "xid"))
    copy = f"SELECT %s, {xid}, {names} FROM events_event WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO events_event (id, xid, {names}) {copy}", [forged, log[3]])
    seal()
    assert broken() == f"event {forged}, {Fault.ADDED}"


def test_a_whole_log_signed_anew_by_another_key_does_not_fit_the_key_that_somebody_keeps(log, settings):
    kept = dict(keys.published_keys())
    seed = secrets.token_bytes(32)
    rewrite_with(seed)
    assert broken() == f"position 1, seal 1, {Fault.SIGNATURE}", "the environment still knows the real key"
    settings.PORTAL_SEAL_KEYS = [f"k1:{base64.b64encode(seed).decode()}"]
    assert verify().broken is None, "who rules table and environment fools who keeps nothing outside"
    [(key_id, public)] = kept.items()
    assert broken(key=[(key_id, base64.b64decode(public))]).endswith(Fault.SIGNATURE)


def rewrite_with(seed: bytes) -> None:
    as_owner("UPDATE events_sealkey SET public = %s", checkpoints.public_of(seed))
    for each in Seal.objects.order_by("number"):
        signature = checkpoints.sign(each.checkpoint.statement(), seed)
        as_owner("UPDATE events_seal SET signature = %s WHERE number = %s", signature, each.number)


def test_a_published_key_that_is_not_the_one_that_signs_is_named(log):
    as_owner("UPDATE events_sealkey SET public = %s", secrets.token_bytes(32))
    assert broken() == str(Fault.PUBLISHED)


def test_a_key_that_nobody_knows_is_named(log):
    assert broken(key=[("other", secrets.token_bytes(32))]) == f"position 1, seal 1, {Fault.KEY}"


def test_an_end_cut_off_is_found_out_by_a_checkpoint_kept_outside(log):
    kept = (3, bytes(Seal.objects.get(number=3).chained).hex())
    assert verify(Trust(keys.public_keys(), dict([kept]))).broken is None
    as_owner("DELETE FROM events_seal WHERE number = 3")
    as_owner("DELETE FROM events_position WHERE position > 9")
    as_owner("DELETE FROM events_event WHERE id = ANY(%s)", log[9:])
    assert verify().broken is None, "without a witness the end can be cut off"
    assert broken(checkpoint=[kept]) == f"position 10, seal 3, {Fault.KNOWN}"


def test_a_checkpoint_of_another_past_is_named(log):
    assert broken(checkpoint=[(2, "00" * 32)]) == f"position 6, seal 2, {Fault.KNOWN}"


@pytest.mark.parametrize("option", ["--key=k1", "--key=k1:AAAA", "--key=:%%", "--checkpoint=x:00", "--checkpoint=1:00"])
def test_what_cannot_be_read_is_refused(option):
    with pytest.raises(CommandError, match="is"):
        call_command("verify_audit", option)
