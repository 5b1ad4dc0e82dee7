"""Access reviews: begin one, and keep or revoke what it lists."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import permissions_of
from portal.access.queries import scopes_where
from portal.core.errors import NotFound, PortalError
from portal.identity.imports_csv import write
from portal.tenancy import reviews as services
from portal.tenancy.filters import ReviewItemFilter
from portal.tenancy.forms import ReviewForm, VerdictForm
from portal.tenancy.models import Review
from portal.web.downloads import csv_file
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50
MOST_SAID = 3


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def reviews(request: HttpRequest) -> HttpResponse:
    """The reviews of her scopes, and the form to begin one; nothing is here for who manages nobody."""
    if "manage_members" not in permissions_of(request.actor):
        raise NotFound
    if request.method == "POST":
        form = ReviewForm(places(request), request.POST)
        if form.is_valid():
            given = form.cleaned_data
            try:
                begun = services.start_review(given.pop("scope"), given.pop("name"), actor=request.actor, **given)
            except PortalError as error:
                refuse(form, error)
            else:
                return redirect("review", begun.pk)
        return show_list(request, form, status=422)
    return show_list(request, ReviewForm(places(request), initial={"scope": request.GET.get("scope", "")}))


@login_required
def review(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What is looked through: who holds what where, since when, until when, and what was decided."""
    return show(request, services.review_of(request.actor, pk), VerdictForm())


@login_required
@require_POST
@privileged
def decide(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Keep or revoke the items that were chosen; what could not be is said item by item."""
    found, form = services.review_of(request.actor, pk), VerdictForm(request.POST)
    chosen = list(services.items_of(found, request.actor).filter(pk__in=ids(request)))
    if not form.is_valid():
        return show(request, found, form, status=422, chosen=chosen)
    try:
        refused = services.decide(
            chosen, request.POST.get("verdict", ""), actor=request.actor, reason=form.cleaned_data["reason"]
        )
    except PortalError as error:
        refuse(form, error)
        return show(request, found, form, status=422, chosen=chosen)
    done = len(chosen) - len(refused)
    if done:
        messages.success(request, ngettext("%(count)s is decided.", "%(count)s are decided.", done) % {"count": done})
    for each in refused[:MOST_SAID]:
        messages.warning(request, f"{each.item.holder}, {each.item.gives}: {each.why}")
    if len(refused) > MOST_SAID:
        left = len(refused) - MOST_SAID
        said = ngettext("%(count)s more was not decided.", "%(count)s more were not decided.", left)
        messages.warning(request, said % {"count": left})
    return redirect(f"{request.path.removesuffix('decide/')}?{request.GET.urlencode()}")


@login_required
@require_POST
def close(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End it, when all is decided."""
    found = services.review_of(request.actor, pk)
    try:
        services.close_review(found, actor=request.actor)
    except PortalError as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("The review is closed."))
    return redirect("review", pk)


@login_required
def report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The whole review as CSV."""
    found = services.review_of(request.actor, pk)
    text = write(services.COLUMNS, services.report(found, request.actor))
    return csv_file(f"access-review-{found.created_at:%Y-%m-%d}.csv", text)


def show_list(request: HttpRequest, form: ReviewForm, *, status: int = 200) -> HttpResponse:
    page = Paginator(services.reviews_visible_to(request.actor), ROWS).get_page(page_number(request))
    return render(request, "tenancy/reviews.html", {"page": page, "form": form}, status=status)


def show(request: HttpRequest, found: Review, form: forms.Form, *, status: int = 200, chosen: Any = ()) -> HttpResponse:
    filtered = ReviewItemFilter(request.GET, services.items_of(found, request.actor))
    page = Paginator(filtered.qs, ROWS).get_page(page_number(request))
    context = {
        "review": found,
        "page": page,
        "filter": filtered,
        "form": form,
        "chosen": {item.pk for item in chosen},
        "me": request.actor.person_id,
    }
    return render(request, "tenancy/review.html", context, status=status)


def places(request: HttpRequest) -> Any:
    """Where she may begin a review."""
    return scopes_where(request.actor, "manage_members")


def ids(request: HttpRequest) -> list[uuid.UUID]:
    """The items chosen; what is no id is nobody's."""
    found = []
    for text in request.POST.getlist("item")[:ROWS]:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found
