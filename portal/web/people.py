"""One person of an organization: what she holds, and letting her in no more."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from portal.core.errors import Invalid, PortalError
from portal.identity import looking, people
from portal.identity.forms import LookForm, ReasonForm
from portal.users.models import User
from portal.web.live import privileged


@login_required
@never_cache
def person(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who she is, what she may do here, and what would end with her."""
    return show(request, people.person_of(request.actor, pk))


@login_required
@require_POST
@privileged
def disable(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Shut her out at once."""
    found, form = people.person_of(request.actor, pk), ReasonForm(request.POST)
    if not form.is_valid():
        return show(request, found, form, status=422)
    try:
        people.disable_person(found, actor=request.actor, reason=form.cleaned_data["reason"])
    except Invalid as error:
        form.add_error("reason", error.extra["fields"]["reason"])
        return show(request, found, form, status=422)
    except PortalError as error:
        form.add_error(None, str(error))
        return show(request, found, form, status=error.status)
    messages.success(request, _("%(name)s is disabled: nothing she held opens anything any more.") % {"name": found})
    return redirect("person", pk)


@login_required
@require_POST
@privileged
def enable(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let her sign in again."""
    found = people.person_of(request.actor, pk)
    people.enable_person(found, actor=request.actor, reason=request.POST.get("reason", ""))
    messages.success(
        request, _("%(name)s may sign in again. Her roles stand; old tokens do not come back.") % {"name": found}
    )
    return redirect("person", pk)


def show(
    request: HttpRequest, found: User, form: ReasonForm | None = None, *, look_form: LookForm | None = None, status: int = 200
) -> HttpResponse:
    """The page; `form` asks why she is to be disabled, `look_form` why somebody looks as her."""
    context = {
        "person": found,
        "roles": people.roles_shown(found, request.actor),
        "identities": people.identities_of(found),
        "cost": people.cost_of_disabling(found),
        "why_not": people.why_not(found, request.actor),
        "unconfirmed": people.unconfirmed(found),
        "form": form or ReasonForm(),
        **looking_at(request, found, look_form),
    }
    return render(request, "access/person.html", context, status=status)


def looking_at(request: HttpRequest, found: User, form: LookForm | None) -> dict[str, Any]:
    """What the page needs to offer seeing Concord as she does; nothing to who may not do that to anybody."""
    sight = looking.sight_of(found, request.actor)
    if not sight.organizations:
        return {"why_not_look": sight.why_not}
    return {"look_form": form or LookForm(sight.organizations)}
