"""Connect a cloud, change its credentials, check it, rename it, use it no more."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.access.models import Scope, ScopeState
from portal.approvals import services as approvals
from portal.approvals.queries import approval_of
from portal.clouds import lifecycle
from portal.clouds.base import RUNGS
from portal.clouds.models import Connection, ConnectionCheck, ConnectionState, Provider
from portal.core.errors import Conflict, Invalid
from portal.core.schema import defaults, validate
from portal.events.services import record
from portal.users.actor import Actor

KIND = "connection"


@transaction.atomic
def connect_cloud(
    scope: Scope,
    provider: Provider,
    name: str,
    config: Mapping[str, Any],
    credentials: Mapping[str, Any],
    *,
    key: str,
    actor: Actor,
    rung: str = "publish",
) -> Connection:
    """Connect a cloud account for a scope and all below it. Its checks begin at once; it is used when they pass and it
    is approved. The same `key` by the same person gives the same connection. Invalid names the fields that do not fit.
    """
    require_fresh(actor)
    require(actor, "manage_connections", scope)
    made: Connection | None = Connection.objects.filter(made_by=actor.user, key=key).first()
    if made is not None:
        return made
    _check_form(scope, provider, name, config, credentials, rung)
    connection = Connection(
        scope=scope,
        provider=provider,
        name=name.strip(),
        config={**defaults(provider.config), **config},
        rung=rung,
        made_by=actor.user,
        key=key,
    )
    connection.seal_credentials(credentials)
    _save_new(connection)
    record(
        "clouds.connect_cloud", connection, actor=actor, provider=provider.key, config=connection.config, rung=connection.rung
    )
    title = _("Connect %(cloud)s: %(name)s") % {"cloud": provider.name, "name": connection.name}
    approval = approvals.ask(KIND, connection, actor=actor, scope=scope, title=title, key=f"{KIND}:{connection.pk}")
    if not approval.is_waiting:
        connection = lifecycle.approve(connection.pk, actor=actor)
    lifecycle.start_check(connection, actor.user)
    return connection


@transaction.atomic
def change_credentials(connection: Connection, credentials: Mapping[str, Any], *, actor: Actor) -> Connection:
    """Put other credentials in place of the stored ones, and check them."""
    require_fresh(actor)
    require(actor, "manage_connections", connection)
    connection = _open(connection.pk)
    validate(connection.provider.credentials, credentials)
    connection.seal_credentials(credentials)
    if connection.state == ConnectionState.FAILED:
        connection.state = ConnectionState.CHECKING
    connection.save()
    record("clouds.change_credentials", connection, actor=actor)
    lifecycle.restart_check(connection, actor.user)
    return connection


@transaction.atomic
def check_connection(connection: Connection, *, actor: Actor) -> ConnectionCheck:
    """Run its checks now, in a worker. While a run is under way, that one is the answer."""
    require(actor, "manage_connections", connection)
    connection = _open(connection.pk)
    if connection.state == ConnectionState.FAILED:
        connection.state = ConnectionState.CHECKING
        connection.save()
    record("clouds.ask_check", connection, actor=actor)
    return lifecycle.start_check(connection, actor.user)


@transaction.atomic
def rename_connection(connection: Connection, name: str, *, actor: Actor) -> Connection:
    """Call it otherwise."""
    require(actor, "manage_connections", connection)
    connection = _open(connection.pk)
    if connection.approved_at is None:
        raise Conflict(_("Who decides on it knows it by this name; rename it afterwards."))
    _check_name(connection.scope, name, but=connection.pk)
    before, connection.name = connection.name, name.strip()
    connection.save()
    if before != connection.name:
        record("clouds.rename_connection", connection, actor=actor, before=before)
    return connection


@transaction.atomic
def disable_connection(connection: Connection, *, actor: Actor, reason: str = "") -> Connection:
    """Use it no more: no orders, no checks, no sync. Its credentials are dropped; what it made stays in the cloud.

    A decision that waits for it is withdrawn.
    """
    require(actor, "manage_connections", connection)
    waiting = approval_of(KIND, connection.pk)
    if waiting is not None and waiting.is_waiting:
        hers = waiting.requester.person_id == actor.person_id
        approvals.withdraw(waiting, actor=actor if hers else Actor.system(actor.correlation_id), reason=reason)
    return lifecycle.disable(connection.pk, actor=actor, reason=reason)


def _open(pk: uuid.UUID) -> Connection:
    connection = lifecycle.locked(pk)
    if connection.state == ConnectionState.DISABLED:
        raise Conflict(_("This connection is disabled."))
    return connection


def _check_form(
    scope: Scope, provider: Provider, name: str, config: Mapping[str, Any], credentials: Mapping[str, Any], rung: str
) -> None:
    """Invalid with every field that does not fit, named as the form names it."""
    if scope.state != ScopeState.ACTIVE:
        raise Conflict(_("This scope is closed."))
    if not provider.is_offered:
        raise Conflict(_("This cloud is not offered any more."))
    fields: dict[str, Any] = {}
    for prefix, schema, given in (("config", provider.config, config), ("credentials", provider.credentials, credentials)):
        try:
            validate(schema, {**(defaults(schema) if prefix == "config" else {}), **given})
        except Invalid as error:
            fields |= {f"{prefix}-{field}": messages for field, messages in error.extra["fields"].items()}
    try:
        _check_name(scope, name)
    except Invalid as error:
        fields |= error.extra["fields"]
    if rung not in RUNGS:
        fields["rung"] = [_("This value is not one of those offered.")]
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)


def _check_name(scope: Scope, name: str, but: uuid.UUID | None = None) -> None:
    if not name.strip() or len(name.strip()) > 80 or "\x00" in name:
        raise Invalid(fields={"name": [_("A name of at most 80 characters is needed.")]})
    taken = Connection.objects.filter(scope=scope, name=name.strip()).exclude(state=ConnectionState.DISABLED).exclude(pk=but)
    if taken.exists():
        raise Invalid(fields={"name": [_("There is a connection of this name already.")]})


def _save_new(connection: Connection) -> None:
    """Insert it; two at once with one name or key end as one and a Conflict."""
    try:
        with transaction.atomic():
            connection.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(_("There is a connection of this name already.")) from error
