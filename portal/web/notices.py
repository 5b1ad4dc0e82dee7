"""What a person was told, and what she wants to be told."""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_POST

from portal.notices import services
from portal.notices.queries import notices_of, switches_of
from portal.web.events import page_number

ROWS = 50


@login_required
def notices(request: HttpRequest) -> HttpResponse:
    """Her notices, newest first, and her switches."""
    page = Paginator(notices_of(request.actor), ROWS).get_page(page_number(request))
    return render(request, "notices/notices.html", {"page": page, "switches": switches_of(request.actor)})


@login_required
@require_POST
def read_notice(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Mark one as read and go to what it is about, where that has a page."""
    notice = services.mark_read(pk, actor=request.actor)
    try:
        return redirect(reverse(notice.link_kind, args=[notice.link_id]))
    except NoReverseMatch:
        return redirect("notices")


@login_required
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark everything she was told so far as read."""
    services.mark_all_read(actor=request.actor)
    return redirect("notices")


@login_required
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Move one switch."""
    post = request.POST
    services.set_preference(post.get("topic", ""), post.get("channel", ""), post.get("on") == "1", actor=request.actor)
    return redirect("notices")
