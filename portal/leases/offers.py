"""Offer what a cloud account can lend to the people of a scope, take it back, and have a worker read what there is to lend."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.access.models import Scope, ScopeState
from portal.clouds.models import Connection, ConnectionState
from portal.core import clock, queue
from portal.core.errors import Conflict, Invalid, Refused
from portal.core.schema import defaults, validate
from portal.events.services import record
from portal.leases import endings
from portal.leases.models import LeaseEnd, LeaseOffer, Lender
from portal.users.actor import Actor


@transaction.atomic
def offer_lease(
    connection: Connection,
    scope: Scope,
    name: str,
    *,
    target: str,
    longest: timedelta,
    needs_purpose: bool,
    actor: Actor,
    options: Mapping[str, Any] | None = None,
) -> LeaseOffer:
    """Let whoever may take leases at a scope, or above it, lease a target of a connection that she manages.

    Invalid names the fields that do not fit; Refused where the target must not be lent as it is.
    """
    require_fresh(actor)
    require(actor, "manage_connections", connection)
    require(actor, "view_scope", scope)
    lender = Lender.objects.filter(connection=connection, lends=True).first()
    if connection.state != ConnectionState.READY or lender is None:
        raise Conflict(_("This connection lends nothing just now."))
    given = {**defaults(lender.options), **(options or {})}
    _check(lender, connection, scope, name, target, longest, given)
    found = lender.target(target)
    if found is None or found.problem:
        raise Refused(found.problem if found else _("The account does not lend this any more. Read it again."))
    offer = LeaseOffer(connection=connection, scope=scope, name=name.strip(), target=target, made_by=actor.user)
    offer.target_label, offer.options, offer.needs_purpose = found.label[:400], given, needs_purpose
    offer.longest_s = int(longest.total_seconds())
    try:
        with transaction.atomic():
            offer.save(force_insert=True)
    except IntegrityError as error:
        raise Invalid(fields={"name": [_("This scope has an offer of this name already.")]}) from error
    record(
        "leases.offer", offer, actor=actor, connection=connection.pk, lends=target, longest_s=offer.longest_s, options=given
    )
    return offer


@transaction.atomic
def withdraw_offer(offer: LeaseOffer, *, actor: Actor) -> LeaseOffer:
    """Offer it no more; what is held of it ends. Withdrawn already, nothing changes."""
    require_fresh(actor)
    require(actor, "manage_connections", offer.connection)
    offer = LeaseOffer.objects.select_for_update(of=("self",)).select_related("scope", "connection__scope").get(pk=offer.pk)
    if offer.withdrawn_at is None:
        offer.withdrawn_at = clock.now()
        offer.save(update_fields=["withdrawn_at"])
        record("leases.withdraw_offer", offer, actor=actor)
        endings.end_where({"offer": offer}, LeaseEnd.OFFER, actor=actor)
    return offer


@transaction.atomic
def read_lender(connection: Connection, *, actor: Actor) -> None:
    """Have a worker read what an account can lend, now."""
    require(actor, "manage_connections", connection)
    if connection.state != ConnectionState.READY:
        raise Conflict(_("This connection is not in use."))
    queue.after_commit("leases.read_lender", connection.pk)


def _check(
    lender: Lender,
    connection: Connection,
    scope: Scope,
    name: str,
    target: str,
    longest: timedelta,
    options: Mapping[str, Any],
) -> None:
    fields: dict[str, Any] = {}
    if not name.strip() or len(name.strip()) > 80 or "\x00" in name:
        fields["name"] = [_("A name of at most 80 characters is needed.")]
    if scope.state != ScopeState.ACTIVE or not f"{scope.path}.".startswith(f"{connection.scope.path}."):
        fields["scope"] = [_("It is offered where the connection may be used, in a scope that is open.")]
    if not timedelta(seconds=lender.shortest_s) <= longest <= timedelta(seconds=lender.longest_s):
        words = _("Between %(least)s and %(most)s minutes, which is what this cloud keeps to.")
        fields["longest"] = [words % {"least": -(-lender.shortest_s // 60), "most": lender.longest_s // 60}]
    if lender.target(target) is None:
        fields["target"] = [_("The account does not lend this any more. Read it again.")]
    try:
        validate(lender.options or {"type": "object"}, options)
    except Invalid as error:
        fields |= {f"options-{field}": said for field, said in error.extra["fields"].items()}
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)
