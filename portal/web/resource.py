"""One resource: what it is, what happened to it, what it costs, and the acts on it."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import holds, require
from portal.access.queries import events_visible_to
from portal.access.shares import share_of, shares_of
from portal.clouds.labels import cause_of
from portal.core.errors import Conflict, Invalid, NotFound, PortalError, Refused
from portal.core.models import new_id
from portal.orders.drafts import ItemDraft
from portal.orders.forms import EndForm
from portal.orders.models import Action
from portal.orders.queries import end_of, made_by_item
from portal.orders.services import place_order
from portal.provisioning import operating, services
from portal.provisioning.forms import MAY, ResourceShareForm
from portal.provisioning.models import OperationAsk, Resource
from portal.provisioning.queries import (
    has_secret_for,
    lifelines_of,
    resource_visible_to,
    steps_of,
)
from portal.tenancy import owning, sharing
from portal.tenancy.forms import HandOverForm
from portal.tenancy.owning import may_hand_over
from portal.tenancy.share_asking import share_or_ask, waiting_of
from portal.users.actor import Actor
from portal.web import resource_facts, resource_story
from portal.web.live import look_again, privileged
from portal.web.orderpage import again_url as order_again_url
from portal.web.refusals import refuse
from portal.web.shares import tell
from portal.web.shell import url_of

Act = Callable[[Resource, Actor], Any]
PAGE, LIVE = "provisioning/resource.html", "provisioning/resource.html#live"
MOST_EVENTS = 200


@login_required
@never_cache
def resource(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Its page; asked for by htmx while it moves, only the part that follows it."""
    found = resource_visible_to(request.actor, pk)
    if request.htmx:
        return render(request, LIVE, living(request.actor, found))
    asked = request.session.pop("fresh-secret", "") == str(pk)
    if asked:
        look_again(request)
    secret = services.take_secret(found, actor=request.actor) if asked else None
    return show(request, found, secret=secret, is_secret_gone=asked and secret is None)


@login_required
@require_POST
def operate(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Start, stop or restart it; where a policy asks for a decision, it waits."""

    def ask(found: Resource, actor: Actor) -> None:
        done = operating.operate_or_ask(found, request.POST.get("verb", ""), actor=actor)
        if isinstance(done, OperationAsk):
            messages.info(request, _("A policy asks for a decision on this: it waits, and is done once it is approved."))

    return act(request, pk, ask)


@login_required
@require_POST
def retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Try again what failed."""
    return act(request, pk, lambda found, actor: services.retry_resource(found, actor=actor))


@login_required
@require_POST
@privileged
def rotate(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for a new password in place of the old."""
    return act(request, pk, lambda found, actor: services.rotate_secret(found, actor=actor))


@login_required
@require_POST
@privileged
def show_secret(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for the connection string; it is taken, and shown once, by the page that follows."""

    def ask(found: Resource, actor: Actor) -> None:
        require(actor, "view_secret", found)
        request.session["fresh-secret"] = str(pk)

    return act(request, pk, ask)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What its end removes and what it costs until then; posted, the order that ends it."""
    found = endable(request.actor, pk)
    form = EndForm(request.POST or None, initial={"key": str(new_id())})
    if request.method == "GET":
        return show_end(request, found, form)
    if not form.is_valid():
        return show_end(request, found, form, status=422)
    draft = ItemDraft(action=Action.TERMINATE, resource_id=found.pk)
    try:
        order = place_order(found.project, [draft], actor=request.actor, **form.cleaned_data)
    except Invalid as error:
        refuse(form, error)
        return show_end(request, found, form, status=422)
    except (Conflict, Refused) as error:
        messages.warning(request, str(error))
        return redirect("resource", pk)
    messages.success(request, _("The end of %(name)s is ordered.") % {"name": found})
    return redirect(url_of("order", order.pk) or found_url(found))


@login_required
@require_POST
def share(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let one person do one thing with it until a day."""
    found = resource_visible_to(request.actor, pk)
    require(request.actor, "share_resource", found)
    form = ResourceShareForm(request.actor, found, request.POST)
    if not form.is_valid():
        return show(request, found, form=form, status=422)
    given = form.cleaned_data
    try:
        made = share_or_ask(found, given["user"], given["permission"], expires=given["expires"], actor=request.actor)
    except PortalError as error:
        refuse(form, error)
        return show(request, found, form=form, status=422)
    tell(request, made)
    return redirect(f"{found_url(found)}#shares")


@login_required
@require_POST
def end_share(request: HttpRequest, pk: uuid.UUID, share_pk: int) -> HttpResponse:
    """End a share before its day; ended already, nothing changes."""
    found = resource_visible_to(request.actor, pk)
    shared = share_of(found, share_pk)
    sharing.end_share(shared, actor=request.actor)
    messages.success(request, _("%(person)s no longer has it shared. To undo, share it again.") % {"person": shared.user})
    return redirect(f"{found_url(found)}#shares")


@login_required
@require_POST
@privileged
def hand_over(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Another person answers for it: said by who shares it, or by its owner herself."""
    found = resource_visible_to(request.actor, pk)
    owning.check_may_hand_over(request.actor, found)
    form = HandOverForm(request.POST, auto_id="owner-%s")
    if form.is_valid():
        try:
            owning.hand_over(found, form.cleaned_data["to"], actor=request.actor)
        except PortalError as error:
            refuse(form, error)
        else:
            messages.success(request, _("%(person)s answers for it from now on.") % {"person": form.cleaned_data["to"]})
            return redirect("resource", pk)
    return show(request, found, owner_form=form, status=422)


def act(request: HttpRequest, pk: uuid.UUID, do: Act) -> HttpResponse:
    """Do one thing and go back to the page; what no longer fits is said there, above how it stands now."""
    found = resource_visible_to(request.actor, pk)
    try:
        do(found, request.actor)
    except (Conflict, Invalid, Refused) as error:
        said = error.extra.get("fields", {}).get("verb") or [str(error)]
        messages.warning(request, said[0])
    return redirect("resource", pk)


def show(
    request: HttpRequest,
    found: Resource,
    *,
    form: ResourceShareForm | None = None,
    owner_form: HandOverForm | None = None,
    secret: str | None = None,
    is_secret_gone: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The whole page; `secret` is shown this once."""
    may_share = holds(request.actor, "share_resource", found)
    context = {
        **living(request.actor, found),
        "secret": secret,
        "is_secret_gone": is_secret_gone,
        "shares": shares_of(found) if may_share else [],
        "waiting_shares": waiting_shares(request.actor, found) if may_share else [],
        "form": form or (ResourceShareForm(request.actor, found) if may_share else None),
        "owner_form": owner_form or (HandOverForm(auto_id="owner-%s") if may_hand_over(request.actor, found) else None),
    }
    return render(request, PAGE, context, status=status)


def waiting_shares(actor: Actor, found: Resource) -> list[tuple[Any, Any, Any]]:
    """The shares of it that wait for a decision: each with what it gives, in words, and its approval where she may see that."""
    return [(ask, MAY[ask.permission], approval) for ask, approval in waiting_of(found, actor=actor)]


def living(actor: Actor, found: Resource) -> dict[str, Any]:
    """What changes while it moves."""
    steps = list(steps_of(found))
    is_busy = any(step.is_open for step in steps)
    may = {
        name: found.is_managed and holds(actor, name, found) for name in ("operate_resource", "view_secret", "place_order")
    }
    order = end_of(found) if found.is_managed else None
    about = events_visible_to(actor).filter(target_kind="resource", target_id=str(found.pk))
    latest = list(about[:MOST_EVENTS])[::-1]
    has_secret = may["view_secret"] and found.capability == "database" and has_secret_for(actor, found)
    return {
        "resource": found,
        "is_moving": found.is_moving or is_busy,
        "facts": resource_facts.facts(found),
        "differences": resource_facts.differences(found),
        "cost": resource_facts.cost(actor, found),
        "moments": resource_story.moments(found, latest, steps),
        "lives": list(lifelines_of(found))[-5:],
        "cause": cause_of(found.error_kind),
        "hint": resource_facts.advice(found.error_kind),
        "acts": resource_facts.acts(found, is_busy=is_busy or found.desired == "gone") if may["operate_resource"] else [],
        "waiting_operations": resource_facts.waiting(found, actor),
        "may_retry": bool(found.error) and (may["operate_resource"] or holds(actor, "operate_platform", found)),
        "may_rotate": may["view_secret"] and resource_facts.can_rotate(found, is_busy=is_busy),
        "has_secret": has_secret,
        "again_url": again_url(found, actor) if may["place_order"] else "",
        "may_end": may["place_order"] and order is None and found.desired != "gone",
        "end_order": order,
        "end_order_url": url_of("order", order.pk) if order and holds(actor, "view_order", order) else "",
    }


def show_end(request: HttpRequest, found: Resource, form: EndForm, status: int = 200) -> HttpResponse:
    """The page that says what is lost."""
    context = {"resource": found, "form": form, "cost": resource_facts.cost(request.actor, found)}
    return render(request, "provisioning/end.html", context, status=status)


def endable(actor: Actor, pk: uuid.UUID) -> Resource:
    """A resource whose end she may order; NotFound for what is nobody's."""
    found = resource_visible_to(actor, pk)
    if not found.is_managed or not holds(actor, "place_order", found):
        raise NotFound
    return found


def found_url(found: Resource) -> str:
    return url_of("resource", found.pk)


def again_url(found: Resource, actor: Actor) -> str:
    """The order form filled with what made it; empty where it was found, not ordered, or is not offered any more."""
    item = made_by_item(found)
    return order_again_url(item.order, item, actor) if item else ""
