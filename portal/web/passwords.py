"""A password changed on the profile, or set anew by a link that came by mail."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from portal.core.errors import Invalid, NotFound, TooMany
from portal.identity import factors, passwords
from portal.identity.local_forms import ChangePasswordForm, ForgottenForm, NewPasswordForm
from portal.web.second_factor import add_refusal, status_of


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Change her own password; she stays signed in here."""
    factors.check_local(request.actor)
    form = ChangePasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            passwords.change_password(request, given["password"], given["new_password"], actor=request.actor)
            messages.success(request, _("Your new password holds from now on. Every other session has ended."))
            return redirect("profile")
        except (Invalid, TooMany) as error:
            add_refusal(form, error)
    return render(request, "identity/password.html", {"form": form}, status=status_of(form) if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link by mail; the answer is the same whoever is named."""
    form = ForgottenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.ask_reset(request, form.cleaned_data["who"])
            return redirect("forgotten-sent")
        except TooMany as error:
            add_refusal(form, error)
    return render(request, "identity/forgotten.html", {"form": form}, status=status_of(form) if form.errors else 200)


@require_GET
def forgotten_sent(request: HttpRequest) -> HttpResponse:
    """The one answer."""
    return render(request, "identity/forgotten.html", {"is_sent": True})


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, pk: uuid.UUID, token: str) -> HttpResponse:
    """The link of the mail: opening it changes nothing, sending the form sets the password, once."""
    form = NewPasswordForm(request.POST or None)
    try:
        person = passwords.person_of_link(pk, token)
        if request.method == "POST" and form.is_valid():
            passwords.reset_password(request, pk, token, form.cleaned_data["new_password"])
            return redirect("reset-done")
    except NotFound:
        return render(request, "identity/reset.html", {"is_dead": True}, status=404)
    except Invalid as error:
        add_refusal(form, error)
    context = {"form": form, "person": person}
    return render(request, "identity/reset.html", context, status=422 if form.errors else 200)


@require_GET
def reset_done(request: HttpRequest) -> HttpResponse:
    """It is set; on to signing in."""
    return render(request, "identity/reset.html", {"is_done": True})
