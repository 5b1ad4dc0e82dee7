"""Evidence as a file: ask for it, follow it, take it home."""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.audit import packs
from portal.web.events import page_number

ROWS = 50
TYPES = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}


@login_required
@require_safe
def evidence(request: HttpRequest) -> HttpResponse:
    """The packs of the scopes where she may read events."""
    page = Paginator(packs.packs_visible_to(request.actor), ROWS).get_page(page_number(request))
    return render(request, "audit/packs.html", {"page": page})


@login_required
@require_POST
def ask_for_order(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for the evidence of an order."""
    return ask(request, "order", pk)


@login_required
@require_POST
def ask_for_approval(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for the evidence of a decision."""
    return ask(request, "approval", pk)


@login_required
@require_safe
def pack(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One of them; to htmx only its state, which stops asking once it is settled."""
    found = packs.pack_visible_to(request.actor, pk)
    return render(request, "audit/pack.html#status" if request.htmx else "audit/pack.html", {"pack": found})


@login_required
@require_safe
def download(request: HttpRequest, pk: uuid.UUID) -> FileResponse:
    """The file itself, to be kept and not shown here: what it says comes from many people."""
    found = packs.pack_visible_to(request.actor, pk)
    path = packs.open_pack(found, actor=request.actor)
    answer = FileResponse(path.open("rb"), as_attachment=True, filename=found.file_name, content_type=TYPES[found.format])
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def ask(request: HttpRequest, kind: str, pk: uuid.UUID) -> HttpResponse:
    made = packs.request_pack(kind, pk, format=request.POST.get("format", "html"), actor=request.actor)
    return redirect("evidencepack", made.pk)
