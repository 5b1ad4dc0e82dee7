"""Connecting a cloud: which one, then where and as whom, for whom and how far Concord may go."""

import uuid
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.access.guard import permissions_of
from portal.clouds.forms import ConnectForm, config_form, credentials_form
from portal.clouds.labels import RUNGS, capability_label, reason_of
from portal.clouds.models import Connection, Provider
from portal.clouds.queries import provider_named, providers_offered
from portal.clouds.services import connect_cloud
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.users.actor import Actor
from portal.web import checks
from portal.web.live import privileged
from portal.web.refusals import refuse_sheets
from portal.web.shell import Shell


@dataclass(frozen=True, slots=True)
class Offered:
    """A cloud that can be connected: what it gives, and for each thing it does not give the reason."""

    provider: Provider
    gives: list[str]
    lacks: list[tuple[str, str]]


@login_required
def providers(request: HttpRequest) -> HttpResponse:
    """The clouds that can be connected."""
    check_may_connect(request.actor)
    return render(request, "clouds/providers.html", {"offered": [offered(one) for one in providers_offered()]})


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@privileged
def connect(request: HttpRequest, key: str) -> HttpResponse:
    """The form of one cloud; posted and well, its checks begin and the connection's page follows them."""
    check_may_connect(request.actor)
    provider = provider_named(key)
    if request.method == "GET":
        return show(request, provider, blank_forms(request, provider))
    about = ConnectForm(request.actor, request.POST)
    sheets = [about, config_form(provider, request.POST), credentials_form(provider, request.POST)]
    if not all(sheet.is_valid() for sheet in sheets):
        return show(request, provider, sheets, status=422)
    try:
        made = connected(request.actor, provider, *sheets)
    except Invalid as error:
        refuse_sheets(sheets[0], {"config": sheets[1], "credentials": sheets[2]}, error)
        return show(request, provider, sheets, status=422)
    except (Conflict, Refused) as error:
        about.add_error(None, str(error))
        return show(request, provider, sheets, status=error.status)
    messages.info(request, _("%(name)s is being checked. This page follows it.") % {"name": made.name})
    return redirect("connection", made.pk)


def connected(actor: Actor, provider: Provider, about: Any, config: Any, credentials: Any) -> Connection:
    """The connection that the three sheets ask for."""
    sent = about.cleaned_data
    return connect_cloud(
        sent["scope"],
        provider,
        sent["name"],
        config.spec(),
        credentials.spec(),
        rung=sent["rung"],
        key=sent["key"],
        actor=actor,
    )


def blank_forms(request: HttpRequest, provider: Provider) -> list[forms.Form]:
    """Empty sheets with a new key; the scope is the one the page shows, where she may connect there."""
    chosen = Shell(request).scope
    initial = {"key": uuid.uuid4().hex, "rung": "publish", "scope": chosen.pk if chosen else None}
    return [ConnectForm(request.actor, initial=initial), config_form(provider), credentials_form(provider)]


def show(request: HttpRequest, provider: Provider, sheets: list[Any], *, status: int = 200) -> HttpResponse:
    """The form with the least permissions of each rung beside it. Secrets are never shown back."""
    about, config, credentials = sheets
    context = {
        "provider": provider,
        "offered": offered(provider),
        "about": about,
        "config": config,
        "credentials": credentials,
        "sheets": sheets,
        "rungs": [(option, checks.rung_of(option.data["value"])) for option in about["rung"]],
        "needs": [(checks.rung_of(name), provider.permissions.get(name, "")) for name in RUNGS],
    }
    return render(request, "clouds/connect.html", context, status=status)


def offered(provider: Provider) -> Offered:
    """A provider in words."""
    gives = [capability_label(name) for name in provider.capabilities]
    lacks = [(capability_label(name), reason_of(reason)) for name, reason in provider.lacks.items()]
    return Offered(provider, gives, lacks)


def check_may_connect(actor: Actor) -> None:
    """Who may connect clouds somewhere goes on; to who sees no connection this page is not there."""
    held = permissions_of(actor)
    if "manage_connections" in held:
        return
    if "view_connection" not in held:
        raise NotFound
    raise Forbidden(_("This takes the permission manage_connections."), permission="manage_connections")
