"""How a connection moves between its states. Called inside a transaction, by services, the approval and the checks."""

import uuid

from portal.clouds.base import CloudError, Rung
from portal.clouds.models import Connection, ConnectionCheck, ConnectionState, Health, Provider
from portal.core import clock, queue
from portal.events.services import record
from portal.users.actor import Actor
from portal.users.models import User


def locked(pk: uuid.UUID) -> Connection:
    """The row, held until the transaction ends."""
    found: Connection = Connection.objects.select_for_update(of=("self",)).select_related("scope", "provider").get(pk=pk)
    return found


def approve(pk: uuid.UUID, *, actor: Actor) -> Connection:
    """It was decided that it may be used; it is, as soon as its checks pass."""
    connection = locked(pk)
    if connection.approved_at is None and connection.state != ConnectionState.DISABLED:
        connection.approved_at = clock.now()
        record("clouds.approve_connection", connection, actor=actor)
        _settle(connection, actor=actor)
        connection.save()
        if connection.state != ConnectionState.READY:
            start_check(connection, actor.user)
    return connection


def disable(pk: uuid.UUID, *, actor: Actor, reason: str) -> Connection:
    """Use it no more, and drop its credentials. What it made stays where it is."""
    connection = locked(pk)
    if connection.state != ConnectionState.DISABLED:
        connection.state, connection.health = ConnectionState.DISABLED, Health.UNKNOWN
        connection.seal_credentials({})
        connection.save()
        record("clouds.disable_connection", connection, actor=actor, reason=reason)
    return connection


def start_check(connection: Connection, asked_by: User | None) -> ConnectionCheck:
    """A run of the checks by a worker; one that still runs is the answer."""
    running = connection.checks.filter(finished_at=None).first()
    if running is not None:
        return running
    planned = len(connection.region_keys()) * len(connection.provider.checks)
    check = ConnectionCheck.objects.create(connection=connection, asked_by=asked_by, planned=planned)
    queue.after_commit("clouds.check", check.pk)
    return check


def restart_check(connection: Connection, asked_by: User | None) -> ConnectionCheck:
    """A new run even if one is under way: its results would speak of what was before."""
    connection.checks.filter(finished_at=None).update(finished_at=clock.now(), passed=False)
    return start_check(connection, asked_by)


def take_check(check: ConnectionCheck, error: CloudError | None, *, actor: Actor) -> None:
    """A run of checks is over: keep its result, move the connection, record what changed."""
    connection = locked(check.connection_id)
    now = clock.now()
    check.finished_at, check.passed = now, error is None
    done = ConnectionCheck.objects.filter(pk=check.pk, finished_at=None).update(
        finished_at=now, passed=error is None, results=check.results
    )
    if not done or connection.state == ConnectionState.DISABLED:
        return
    before = connection.state
    connection.checked_at = now
    changed = connection.note_error(error, now)
    connection.health = Health.FAILING if error else Health.WELL
    if error is None:
        _settle(connection, actor=actor)
    elif before == ConnectionState.CHECKING:
        connection.state = ConnectionState.FAILED
    connection.save()
    if changed or before != connection.state:
        outcome = "failed" if error else "done"
        record("clouds.check_connection", connection, actor=actor, outcome=outcome, reason=connection.error_kind)


def planned_checks(provider: Provider) -> dict[str, Rung]:
    """Name -> rung from which it matters, in the order they run."""
    return dict(provider.checks)


def _settle(connection: Connection, *, actor: Actor) -> None:
    """Passed and approved it is ready, and synced; passed alone it waits; approved alone it is still checked."""
    if connection.health != Health.WELL or connection.state == ConnectionState.DISABLED:
        return
    if connection.approved_at is None:
        connection.state = ConnectionState.WAITING
        return
    if connection.state != ConnectionState.READY:
        connection.state = ConnectionState.READY
        record("clouds.open_connection", connection, actor=actor)
        queue.after_commit("clouds.sync_choices", connection.pk)
