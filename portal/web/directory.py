"""The syncs of the directory: what differs from the identity service, and going on where one stopped to ask."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import permissions_of
from portal.core.errors import NotFound, PortalError
from portal.identity import directory_sync
from portal.web.events import page_number

ROWS = 50


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def directory(request: HttpRequest) -> HttpResponse:
    """Every sync, newest first; posted, one more, or one that only looks. To htmx: the list while one runs."""
    if "operate_platform" not in permissions_of(request.actor):
        raise NotFound
    if request.method == "POST":
        directory_sync.ask(actor=request.actor, dry_run=request.POST.get("only") == "look")
        return redirect("directory")
    page = Paginator(directory_sync.syncs(request.actor), ROWS).get_page(page_number(request))
    newest = page.object_list[0] if page.number == 1 and page.object_list else None
    context = {
        "page": page,
        "newest": newest,
        "leaving": directory_sync.leaving_of(newest) if newest else [],
        "moving": any(row.is_open for row in page.object_list),
        "connected": bool(settings.KEYCLOAK_URL),
    }
    return render(request, "identity/directory.html#live" if request.htmx else "identity/directory.html", context)


@login_required
@require_POST
def go_on(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Sync again, and let those leave that the stopped one had found."""
    if "operate_platform" not in permissions_of(request.actor):
        raise NotFound
    try:
        directory_sync.go_on(directory_sync.sync_of(request.actor, pk), actor=request.actor)
    except PortalError as error:
        if isinstance(error, NotFound):
            raise
        messages.warning(request, str(error) or _("This sync cannot go on."))
    return redirect("directory")
