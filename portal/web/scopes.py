"""The tree of organizations, tenants and projects, and who is in each."""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.access.queries import events_visible_to, people_of, scope_for, scopes_with_people
from portal.web.events import page_number

ROWS = 50


@login_required
def scopes(request: HttpRequest) -> HttpResponse:
    """Every scope she may see, as a tree."""
    page = Paginator(scopes_with_people(request.actor), ROWS).get_page(page_number(request))
    return render(request, "access/scopes.html", {"page": page})


@login_required
def scope(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One scope: its facts, who may do what in it and from where, and what happened."""
    found = scope_for(request.actor, pk)
    page = Paginator(people_of(found), ROWS).get_page(page_number(request))
    recent = events_visible_to(request.actor).filter(scope_path__within=found.path)[:10]
    return render(request, "access/scope.html", {"scope": found, "page": page, "recent": recent})
