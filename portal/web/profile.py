"""A person's own page: who she is here, her roles, her session."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.access.queries import roles_of
from portal.identity import services


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Her name, her roles with their ends, and the way to end every session."""
    return render(request, "identity/profile.html", {"roles": roles_of(request.actor)})


@login_required
@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Sign her out everywhere, here too."""
    services.sign_out_everywhere(actor=request.actor)
    messages.success(request, _("Every session has ended. Sign in again."))
    return redirect("signin")
