"""What is done with a subscription: paused, resumed, tested, sent once more, its secret rotated, ended."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.audit import queries, services
from portal.audit.forms import ReplayForm
from portal.audit.models import Subscription
from portal.core.errors import NotFound, PortalError
from portal.web.audit.subscriptions import show, show_once
from portal.web.live import privileged
from portal.web.refusals import do_and_say, refuse

Do = Callable[[Subscription], Any]


@login_required
@require_POST
def pause(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send nothing until it is resumed."""
    said = _("Paused. What happens meanwhile waits at its position.")
    return do(request, pk, lambda found: services.pause(found, actor=request.actor), said)


@login_required
@require_POST
@privileged
def resume(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Go on where it stopped."""
    said = _("It goes on where it stopped.")
    return do(request, pk, lambda found: services.resume(found, actor=request.actor), said)


@login_required
@require_POST
@privileged
def rotate(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Another secret, shown once on the page that follows."""

    def act(found: Subscription) -> None:
        show_once(request, found, services.rotate_secret(found, actor=request.actor))

    return do(request, pk, act)


@login_required
@require_POST
@privileged
def send_test(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send an event that tells nothing."""
    said = _("A test is on its way. The log below shows whether it is taken.")
    return do(request, pk, lambda found: services.send_test(found, actor=request.actor), said)


@login_required
@require_POST
@privileged
def replay_from(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send everything from a position on once more."""
    found, form = queries.subscription_for(request.actor, pk), ReplayForm(request.POST, auto_id="replay-%s")
    if form.is_valid():
        try:
            services.replay_from(found, form.cleaned_data["position"], actor=request.actor)
        except NotFound:
            raise
        except PortalError as error:
            refuse(form, error)
        else:
            messages.success(request, _("It sends from there on, with the ids that the events had."))
            return redirect("subscription", pk)
    return show(request, found, replay=form, status=422)


@login_required
@require_POST
@privileged
def replay(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send one event once more; the address names the delivery."""
    delivery = queries.own_delivery(request.actor, pk)
    said = _("It is sent once more, with the id it had.")
    return do(request, delivery.subscription_id, lambda _found: services.replay(delivery, actor=request.actor), said)


@login_required
@require_POST
def remove(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End it for good."""
    found = queries.subscription_for(request.actor, pk)
    services.unsubscribe(found, actor=request.actor)
    messages.success(request, _("%(name)s is ended, and its secret signs nothing any more.") % {"name": found})
    return redirect("subscriptions")


def do(request: HttpRequest, pk: uuid.UUID, act: Do, said: str = "") -> HttpResponse:
    """Do it and go back to the page, which says what was refused."""
    found = queries.subscription_for(request.actor, pk)
    do_and_say(request, lambda: act(found), said)
    return redirect("subscription", pk)
