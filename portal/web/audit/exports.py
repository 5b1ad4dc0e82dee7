"""The events of a filter as a file."""

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from portal.access.queries import events_visible_to
from portal.audit.exporting import export_events
from portal.core import clock
from portal.events.filters import EventFilter


@login_required
@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """Everything that fits the filter of the events page, which says what of it cannot be read; one event a line."""
    chosen = EventFilter(request.GET, events_visible_to(request.actor))
    if not chosen.is_valid():
        return redirect(f"{reverse('events')}?{urlencode(request.GET.dict())}")
    shape = request.GET.get("shape", "ndjson")
    asked = {name: request.GET[name][:200] for name in chosen.filters if request.GET.get(name)}
    lines = export_events(chosen.qs, shape, asked=asked, actor=request.actor)
    answer = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    ending = "ndjson" if shape == "ndjson" else f"{shape}.ndjson"
    name = f"events-{clock.now():%Y%m%d-%H%M%S}.{ending}"
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
