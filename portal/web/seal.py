"""How far the log is sealed, and what an auditor takes home: proofs, keys, the newest checkpoint and the checker."""

import uuid

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from portal.access.guard import permissions_of
from portal.access.queries import event_visible_to
from portal.core import clock
from portal.core.errors import NotFound
from portal.events import queries
from portal.events.keys import published_keys
from portal.events.proofs import proof_of, published
from portal.web.downloads import json_file, text_file
from portal.web.events import page_number

ROWS = 50
CHECKER = settings.BASE_DIR / "scripts" / "verify_evidence.py"


@login_required
@never_cache
def seals(request: HttpRequest) -> HttpResponse:
    """The state at one look, every seal below it."""
    require_reader(request)
    state = queries.state_of_seals(clock.now())
    pages = Paginator(queries.seals(), ROWS)
    pages.count = state.last.number if state.last else 0  # they are numbered without gaps, so nobody needs to count
    context = {
        "state": state,
        "page": pages.get_page(page_number(request)),
        "keys": published_keys(),
        "sees_platform": "view_platform" in permissions_of(request.actor),
    }
    return render(request, "events/seal.html", context)


@login_required
@never_cache
def take_published(request: HttpRequest) -> HttpResponse:
    """Public keys and the newest checkpoint, to be kept where nobody of this portal can change them."""
    require_reader(request)
    return json_file(f"concord-seals-{clock.now():%Y-%m-%d}.json", published())


@login_required
def checker(request: HttpRequest) -> HttpResponse:
    """The program that checks evidence offline; shown to nobody who may not read events, for it is of no use to her."""
    require_reader(request)
    return text_file(CHECKER.name, CHECKER.read_text(encoding="utf-8"))


@login_required
@never_cache
def proof(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Evidence of one event that she may read."""
    return json_file(f"event-{pk}.json", proof_of(event_visible_to(request.actor, pk)))


def require_reader(request: HttpRequest) -> None:
    """Nothing here for who may read events nowhere."""
    if "view_event" not in permissions_of(request.actor):
        raise NotFound
