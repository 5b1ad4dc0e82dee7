"""What is shared at a scope and below it: with whom, until when; one more, end one, the whole as CSV."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import require
from portal.access.models import Scope, ScopeState
from portal.access.permissions import PERMISSIONS
from portal.access.queries import scope_for
from portal.access.shares import MOST_SHARES, holders_within, key_of, keys_within, loaded, share_keyed
from portal.core.errors import PortalError
from portal.identity.imports_csv import write
from portal.tenancy import sharing
from portal.tenancy.models import ShareAsk
from portal.tenancy.share_asking import share_or_ask, waiting_within
from portal.tenancy.share_forms import ShareForm, SharesForm
from portal.web.bars import Bar, bar
from portal.web.downloads import csv_file
from portal.web.events import page_number
from portal.web.refusals import refuse

ROWS = 50
MOST_HOLDERS = 5
MOST_LINES = 50_000
COLUMNS = ("who", "account", "may", "permission", "kind", "of", "since", "until", "shared_by")


@dataclass(frozen=True, slots=True)
class Line:
    """One share in the list; `href` is the page of what is shared, `key` what ends it."""

    share: Any
    key: str
    href: str


@login_required
@require_http_methods(["GET", "POST"])
def shares(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The list, and a form that shares the scope itself."""
    found = place(request, pk)
    if request.method == "GET":
        return show(request, found, ShareForm(request.actor, found))
    form = ShareForm(request.actor, found, request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = share_or_ask(found, given["user"], given["permission"], expires=given["expires"], actor=request.actor)
        except PortalError as error:
            refuse(form, error)
        else:
            tell(request, made)
            return redirect("scope-shares", pk)
    return show(request, found, form, status=422)


@login_required
@require_POST
def end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End one of them before its day; ended already, nothing changes."""
    found = place(request, pk)
    share = share_keyed(request.POST.get("share", ""), at=found)
    if share is None:
        messages.info(request, _("This share has ended already."))
        return redirect("scope-shares", pk)
    sharing.end_share(share, actor=request.actor)
    said = _("%(person)s no longer has %(thing)s shared. To undo, share it again.")
    messages.success(request, said % {"person": share.user, "thing": share.content_object})
    return redirect("scope-shares", pk)


@login_required
def report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """All of it as CSV."""
    found = place(request, pk)
    return csv_file(f"shares-{found.slug}.csv", write(COLUMNS, cells(found)))


def tell(request: HttpRequest, made: Any) -> None:
    """Say that it is shared, or that it waits."""
    if isinstance(made, ShareAsk):
        messages.info(request, _("A policy asks for a decision on this share: it waits, and is given once it is approved."))
    else:
        messages.success(request, _("Shared with %(person)s.") % {"person": made.user})


def place(request: HttpRequest, pk: uuid.UUID) -> Scope:
    """The scope, where she may share in it."""
    found = scope_for(request.actor, pk)
    require(request.actor, "share_resource", found)
    return found


def show(request: HttpRequest, found: Scope, form: ShareForm, *, status: int = 200) -> HttpResponse:
    chosen = SharesForm(request.GET)
    given = chosen.cleaned_data if chosen.is_valid() else {}
    page = Paginator(keys_within(found, **given), ROWS).get_page(page_number(request))
    waiting = waiting_within(found, actor=request.actor)
    context = {
        "scope": found,
        "page": page,
        "lines": [Line(share, key_of(share), href_of(share)) for share in loaded(page.object_list)],
        "filter": {"form": chosen},
        "holders": holders(found),
        "form": form if found.state == ScopeState.ACTIVE else None,
        "waiting_shares": [(ask, PERMISSIONS[ask.permission], approval) for ask, approval in waiting],
        "is_empty": not page.paginator.count and not request.GET,
    }
    return render(request, "access/shares.html", context, status=status)


def holders(found: Scope) -> list[Bar]:
    """Who holds most here, against what one person may hold."""
    top = holders_within(found, most=MOST_HOLDERS)
    return [bar(str(person), count, 0, MOST_SHARES) for person, count in top]


def cells(found: Scope) -> Iterator[tuple[object, ...]]:
    """One row for each share, in COLUMNS; moments in UTC (ISO 8601)."""
    for share in loaded(keys_within(found)[:MOST_LINES]):
        yield (
            share.user,
            share.user.username,
            share.gives,
            share.permission.codename,
            share.content_object.kind(),
            share.content_object,
            share.created_at.isoformat(timespec="seconds"),
            share.expires.isoformat(timespec="seconds"),
            share.granted_by or "",
        )


def href_of(share: Any) -> str:
    """The page of what is shared."""
    return reverse(share.content_object.kind(), args=[share.content_object.pk])
