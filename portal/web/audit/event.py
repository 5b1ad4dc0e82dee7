"""One event with everything it says, what it came from, and what else its request did."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from portal.audit.queries import event_visible_to, siblings_of
from portal.audit.shapes import rows_of, scope_ids_of
from portal.web.shell import shell_of

MOST_SIBLINGS = 50


@login_required
@require_safe
def event(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """All its columns, with links to what it is about and came from where those have a page."""
    found = event_visible_to(request.actor, pk)
    names = {str(node.pk): node.name for node in shell_of(request).places}
    kind, _colon, cause_id = found.cause.partition(":")
    context = {
        "event": found,
        "detail": list(rows_of(found.detail)),
        "places": [(names.get(scope_id, scope_id), page_of("scope", scope_id)) for scope_id in scope_ids_of(found)],
        "target_url": page_of(found.target_kind, found.target_id),
        "cause_url": page_of(kind, cause_id),
        "siblings": siblings_of(found, request.actor)[:MOST_SIBLINGS],
    }
    return render(request, "audit/event.html", context)


def page_of(kind: str, pk: str) -> str:
    """The address of a thing's page; empty where it has none."""
    try:
        return reverse(kind, args=[pk]) if kind and pk else ""
    except NoReverseMatch:
        return ""
