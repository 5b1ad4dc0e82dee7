"""Drafts: the list, and deleting one. They are saved from the order form and opened in it."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.access.models import Scope
from portal.access.queries import scopes_visible_to
from portal.orders.models import OrderDraft
from portal.orders.saving import delete_draft, draft_for, drafts_of
from portal.web.events import page_number

ROWS = 50


@login_required
@require_safe
def drafts(request: HttpRequest) -> HttpResponse:
    """Her drafts, what was saved last on top."""
    page = Paginator(drafts_of(request.actor), ROWS).get_page(page_number(request))
    places = {str(scope.pk): scope for scope in scopes_visible_to(request.actor).filter(pk__in=ids_of(page.object_list))}
    rows: list[tuple[OrderDraft, Scope | None]] = [(each, places.get(str(each.answers.get("project")))) for each in page]
    return render(request, "orders/drafts.html", {"page": page, "rows": rows})


@login_required
@require_POST
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Throw one away."""
    delete_draft(draft_for(request.actor, pk), actor=request.actor)
    messages.info(request, _("The draft is deleted."))
    return redirect("order-drafts")


def ids_of(found: list[OrderDraft]) -> list[uuid.UUID]:
    """The ids of the projects that drafts name; what was typed may be none."""
    ids = []
    for draft in found:
        try:
            ids.append(uuid.UUID(str(draft.answers.get("project"))))
        except ValueError:
            continue
    return ids
