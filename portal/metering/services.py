"""What people ask of metering: meter now, a budget, an export; and the check that an order asks for before it exists."""

import uuid
from decimal import Decimal
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import permissions_of, require
from portal.access.models import Scope, ScopeKind
from portal.core import blobs, clock
from portal.core.errors import Conflict, Forbidden, Invalid, Unavailable
from portal.core.queue import after_commit
from portal.events.services import record
from portal.metering import budgets, standings
from portal.metering.budgets import BudgetState, OpenBelow
from portal.metering.calendars import is_period, period_at
from portal.metering.models import LARGEST_BUDGET, Budget, Export, ExportFormat, ExportState, usual_thresholds
from portal.metering.queries import budgets_above
from portal.users.actor import Actor


@transaction.atomic
def meter_now(*, actor: Actor) -> None:
    """Meter up to this moment, soon, in a worker. Asking twice is harmless."""
    if not actor.is_system and "operate_platform" not in permissions_of(actor):
        raise Forbidden(_("This takes the permission operate_platform."), permission="operate_platform")
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))
    record("metering.ask_meter", actor.user, actor=actor)
    after_commit("metering.meter")


@transaction.atomic
def set_budget(scope: Scope, amount: Decimal, *, actor: Actor, thresholds: list[int] | None = None) -> Budget:
    """What a scope and all below it may cost in a month, in the organization's currency."""
    require(actor, "manage_budgets", scope)
    if not amount.is_finite() or not 0 <= amount <= LARGEST_BUDGET or amount != round(amount, 4):
        raise Invalid(_("This is not a budget."), fields={"amount": [_("An amount from 0 on.")]})
    marks = sorted(set(usual_thresholds() if thresholds is None else thresholds))
    if not all(0 < mark <= 1000 for mark in marks):
        raise Invalid(_("A threshold is a percentage."), fields={"thresholds": [_("Between 1 and 1000.")]})
    root = Scope.objects.get(pk=uuid.UUID(scope.organization_id))
    before = Budget.objects.select_for_update().filter(scope=scope).first()
    values = {"amount": amount, "currency": root.currency, "thresholds": marks}
    budget, _made = Budget.objects.update_or_create(scope=scope, defaults=values)
    old = str(before.amount) if before else None
    record("metering.set_budget", budget, actor=actor, amount=str(amount), before=old, thresholds=marks)
    standings.refresh([budget], at=clock.now(), anew=True)
    return budget


@transaction.atomic
def remove_budget(budget: Budget, *, actor: Actor) -> None:
    """Let the scope cost what it may under the budgets above it."""
    require(actor, "manage_budgets", budget.scope)
    record("metering.remove_budget", budget, actor=actor, amount=str(budget.amount))
    budget.delete()


def check_budget(
    project: Scope, extra_per_month: Decimal, *, actor: Actor, open_below: OpenBelow | None = None
) -> BudgetState:
    """Where the tightest budget above a project would stand with this much more a month; the caller refuses what is over.

    Inside the caller's transaction: the budgets stay locked, root to leaf, so of two racing orders the second sees the
    first. `extra_per_month` is the order's own quote; `open_below` tells the quotes of other open orders below a budget's
    scope, and is asked once the budgets are locked.
    """
    require(actor, "view_scope", project)
    locked = list(budgets_above(project).select_for_update(of=("self",)))
    root = Scope.objects.get(pk=uuid.UUID(project.organization_id))
    return budgets.state_of(locked, root, extra_per_month, at=clock.now(), open_below=open_below)


@transaction.atomic
def request_export(organization: Scope, period: str, *, actor: Actor, format: str = ExportFormat.PARQUET) -> Export:
    """A month ("2026-06") of an organization's charges as a FOCUS file; a worker writes it."""
    require(actor, "export_cost", organization)
    fields = {}
    if organization.scope_kind != ScopeKind.ORGANIZATION:
        fields["organization"] = [_("Choose the organization.")]
    if format not in ExportFormat.values:
        fields["format"] = [_("Choose one of the formats.")]
    if not is_period(period) or period > period_at(clock.now(), organization.zone):
        fields["period"] = [_("Choose a month that has begun, for example 2026-06.")]
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)
    export = Export.objects.create(organization=organization, period=period, format=format, asked_by=actor.user)
    record("metering.request_export", export, actor=actor, period=period, format=str(format))
    after_commit("metering.write_export", export.pk)
    return export


@transaction.atomic
def open_export(export: Export, *, actor: Actor) -> Path:
    """The file of an export, its bytes checked. Every download is an event."""
    require(actor, "export_cost", export)
    if export.state != ExportState.READY:
        raise Conflict(_("The file is not ready."))
    record("metering.download_export", export, actor=actor, sha256=export.blob)
    try:
        return blobs.path_of(export.blob)
    except (FileNotFoundError, blobs.Damaged) as error:
        raise Unavailable(_("The stored file is lost or damaged. Ask for the export again.")) from error
