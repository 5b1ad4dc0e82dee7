"""The connections to clouds: the list, the page of one that follows its checks, and what is asked of it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import holds, permissions_of, require
from portal.approvals.cards import waits_for
from portal.approvals.queries import approvals_visible_to
from portal.clouds import services
from portal.clouds.filters import ConnectionFilter
from portal.clouds.forms import DisableForm, RenameForm, credentials_form
from portal.clouds.labels import RUNGS, cause_of
from portal.clouds.models import Connection, ConnectionState
from portal.clouds.queries import (
    choice_counts,
    connection_visible_to,
    connections_visible_to,
    health_counts,
    last_check,
    pictures_of,
    with_failing_region,
)
from portal.core.errors import Conflict, Invalid, NotFound
from portal.leases.queries import lent_now
from portal.provisioning.queries import There, there, there_in, unmanaged_visible_to, with_there
from portal.provisioning.services import sync_connection
from portal.users.actor import Actor
from portal.web import checks
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: the connection and what it holds."""

    connection: Any
    there: There

    @property
    def rung(self) -> checks.Rung:
        return checks.rung_of(self.connection.rung)

    @property
    def cause(self) -> str:
        """What is wrong, first of the account and then of a region; empty while all is well."""
        if self.connection.error_kind:
            return cause_of(self.connection.error_kind)
        failing = self.connection.failing_region
        return f"{failing['region']}: {cause_of(failing['kind'])}" if failing else ""

    @property
    def since(self) -> datetime | None:
        if self.connection.failing_since:
            return self.connection.failing_since
        failing = self.connection.failing_region
        return datetime.fromisoformat(failing["since"]) if failing else None


@login_required
def connections(request: HttpRequest) -> HttpResponse:
    """The connections she may see, by name."""
    check_may_look(request.actor)
    chosen = ConnectionFilter(request.GET, connections_visible_to(request.actor))
    page: Page[Connection] = Paginator(with_there(with_failing_region(chosen.qs)), ROWS).get_page(page_number(request))
    context = {
        "filter": chosen,
        "page": page,
        "rows": [Row(each, there(each)) for each in page.object_list],
        "counts": health_counts(request.actor),
        "rungs": [(checks.rung_of(name), label) for name, label in RUNGS.items()],
        "may_connect": "manage_connections" in permissions_of(request.actor),
    }
    return render(request, "clouds/connections.html", context)


@login_required
@never_cache
def connection(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One connection; asked for by htmx, only what moves on it."""
    found = connection_visible_to(request.actor, pk)
    template = "clouds/connection.html#live" if request.htmx else "clouds/connection.html"
    return render(request, template, picture(request, found))


def picture(request: HttpRequest, found: Connection) -> dict[str, Any]:
    """Everything the page shows of one connection."""
    actor, check = request.actor, last_check(found)
    unmanaged = Paginator(unmanaged_visible_to(actor).filter(connection=found), ROWS).get_page(page_number(request))
    regions = checks.regions_of(found, list(pictures_of(found)), choice_counts(found))
    approval = approvals_visible_to(actor).filter(subject_kind="connection", subject_id=str(found.pk)).first()
    return {
        "connection": found,
        "check": check,
        "regions_checked": checks.lines(found, check) if check else [],
        "regions": regions,
        "limits": [(region.key, limit) for region in regions for limit in region.limits],
        "there": there_in(found),
        "page": unmanaged,
        "approval": approval,
        "deciders": waits_for(approval) if approval else [],
        "rung": checks.rung_of(found.rung),
        "trouble": checks.trouble_of(found),
        "may_manage": holds(actor, "manage_connections", found),
        "needs": found.provider.permissions.get(found.rung, ""),
        "is_moving": checks.is_moving(found, check, regions, request.GET.get("asked", "")),
    }


@login_required
@require_POST
def check(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Run its checks now."""
    services.check_connection(connection_visible_to(request.actor, pk), actor=request.actor)
    return redirect("connection", pk)


@login_required
@require_POST
def sync(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Read it now; the page that follows looks until it was read."""
    sync_connection(connection_visible_to(request.actor, pk), actor=request.actor)
    return redirect(f"{reverse('connection', args=[pk])}?asked={checks.moment()}")


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@privileged
def credentials(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Put other credentials in place of the stored ones."""
    found = connection_to_change(request.actor, pk)
    form: Any = credentials_form(found.provider, request.POST if request.method == "POST" else None)
    said = {
        "title": _("Change credentials"),
        "text": _("The new ones take the place of the old at once, and are checked. None is ever shown again."),
        "act": _("Change and check"),
        "needs": found.provider.permissions.get(found.rung, ""),
    }
    return ask(request, found, form, said, lambda: services.change_credentials(found, form.spec(), actor=request.actor))


@login_required
@require_http_methods(["GET", "POST"])
def rename(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Call it otherwise."""
    found = connection_to_change(request.actor, pk)
    form = RenameForm(request.POST if request.method == "POST" else None, initial={"name": found.name})
    said = {"title": _("Rename"), "text": _("Only its name changes, here and in lists."), "act": _("Rename")}
    return ask(
        request, found, form, said, lambda: services.rename_connection(found, form.cleaned_data["name"], actor=request.actor)
    )


@login_required
@require_http_methods(["GET", "POST"])
def disable(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Use it no more; the page says what that stops."""
    found = connection_to_change(request.actor, pk)
    form = DisableForm(request.POST if request.method == "POST" else None)
    said = {
        "title": _("Disable"),
        "act": _("Disable and drop the credentials"),
        "stops": there_in(found),
        "lent": lent_now(found),
        "is_denial": True,
    }
    return ask(
        request,
        found,
        form,
        said,
        lambda: services.disable_connection(found, actor=request.actor, reason=form.cleaned_data["reason"]),
    )


def ask(
    request: HttpRequest, found: Connection, form: forms.Form, said: dict[str, Any], act: Callable[[], Any]
) -> HttpResponse:
    """A page with one small form about one connection; posted and well, it acts and goes back to the connection."""
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                act()
            except Invalid as error:
                refuse(form, error)
            except Conflict as error:
                form.add_error(None, str(error))
            else:
                messages.info(request, f"{found.name}: {said['title']}.")
                return redirect("connection", found.pk)
        status = 422
    return render(request, "clouds/ask.html", {"connection": found, "form": form, **said}, status=status)


def connection_to_change(actor: Actor, pk: uuid.UUID) -> Connection:
    """One connection that she may change; the refusals are those of the services."""
    found = connection_visible_to(actor, pk)
    require(actor, "manage_connections", found)
    if found.state == ConnectionState.DISABLED:
        raise Conflict(_("This connection is disabled."))
    return found


def check_may_look(actor: Actor) -> None:
    if "view_connection" not in permissions_of(actor):
        raise NotFound
