"""Seeing Concord as another person sees it, and stopping to."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.core.errors import Forbidden, Invalid, NotFound
from portal.identity import looking, people
from portal.identity.forms import LookForm
from portal.identity.models import LookEnd
from portal.web.live import privileged
from portal.web.people import show
from portal.web.refusals import refuse

OWN_MARKS = ("scope", "fresh-", "ended-")
"""What the session keeps for the pages of the one who looks: another's pages neither show it nor use it up."""


@login_required
@require_POST
@privileged
def begin(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Look as this person, from her home on."""
    found = people.person_of(request.actor, pk)
    sight = looking.sight_of(found, request.actor)
    if not sight.organizations:
        raise Forbidden(sight.why_not) if sight.why_not else NotFound
    form = LookForm(sight.organizations, request.POST)
    if not form.is_valid():
        return show(request, found, look_form=form, status=422)
    try:
        given = form.cleaned_data
        look = looking.begin_view_as(found, given["organization"], actor=request.actor, reason=given["reason"])
    except (Invalid, Forbidden) as error:
        refuse(form, error)
        return show(request, found, look_form=form, status=error.status)
    for name in tuple(request.session.keys()):
        if name.startswith(OWN_MARKS):
            del request.session[name]
    looking.enter(request, look)
    return redirect("home")


@login_required
@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Be oneself again; stopped already, nothing changes."""
    if request.look is None:
        return redirect("home")
    looking.end_view_as(request.look, LookEnd.STOPPED, actor=looking.looker_of(request.actor))
    looking.leave(request)
    messages.success(
        request, _("You see Concord as yourself again. %(name)s is told that you looked.") % {"name": request.look.person}
    )
    return redirect("person", request.look.person_id)
