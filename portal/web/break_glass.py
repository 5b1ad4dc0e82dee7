"""Taking a role in an emergency: the form with what it leads to, what was taken, and giving it back."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.core.errors import PortalError
from portal.tenancy import glass
from portal.tenancy.asking import ask_of
from portal.tenancy.glass_forms import BreakGlassForm
from portal.web.events import page_number
from portal.web.live import privileged
from portal.web.refusals import refuse

ROWS = 50


@login_required
@require_http_methods(["GET", "POST"])
@privileged
def break_glass(request: HttpRequest) -> HttpResponse:
    """The form and the list; sent, the role is hers from her next click on."""
    form = BreakGlassForm(glass.roles_to_take(), request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            scope = glass.place_named(request.actor, given["place"])
            said = {"hours": given["hours"], "reason": given["reason"]}
            taken = glass.break_glass(scope, given["role"], **said, actor=request.actor)
        except PortalError as error:
            refuse(form, error)
        else:
            words = {"role": taken.role, "scope": taken.scope}
            messages.success(request, _("You are %(role)s in %(scope)s now. Two people will review it.") % words)
            return redirect("break-glass")
    page = Paginator(glass.taken_visible_to(request.actor), ROWS).get_page(page_number(request))
    rows = list(page.object_list)
    reviews = glass.reviews_of(rows)
    context = {
        "form": form,
        "page": page,
        "rows": [(row, reviews.get(row.pk), row.user_id == request.actor.user.pk) for row in rows],
    }
    return render(request, "tenancy/break_glass.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def end(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Give it back before its time."""
    taken = ask_of(glass.taken_visible_to(request.actor), pk)
    glass.end_break_glass(taken, actor=request.actor)
    messages.info(request, _("The role has ended. The review goes on."))
    return redirect("break-glass")
