"""Signing in and out."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.core.errors import Invalid, TooMany
from portal.identity import federated, oidc, services
from portal.identity.forms import SignInForm


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def signin(request: HttpRequest) -> HttpResponse:
    """Sign in with a local account and go on to where she was heading."""
    target, status = safe_target(request), 0
    if request.actor and request.method == "GET":
        return redirect(target)
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if services.sign_in(request, form.cleaned_data["username"], form.cleaned_data["password"]):
                return redirect(target)
            return redirect(f"{reverse('signin-code')}?{urlencode({'next': target})}")
        except Invalid as error:
            services.refuse_sign_in(request, form.cleaned_data["username"])
            form.add_error(None, str(error))
        except TooMany as error:
            status = error.status
            form.add_error(None, str(error))
    status = status or (422 if form.errors else 200)
    context = {"form": form, "next": target, "is_local": bool(form.errors) or "local" in request.GET, **ways_in(target)}
    return render(request, "registration/signin.html", context, status=status)


@never_cache
@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    """End this session, and the one at her provider that it came from; signing out twice is fine."""
    onward = federated.way_out(request) if request.actor else ""
    if request.actor:
        services.sign_out(request, actor=request.actor)
    if not onward:
        return redirect("signin")
    return render(request, "registration/signed_out.html", {"onward": onward if oidc.answers() else ""})


def ways_in(target: str) -> dict[str, Any]:
    """Beside the local form: the address of the organization's sign-in, empty where there is none."""
    return {"organization": f"{reverse('auth-login')}?{urlencode({'next': target})}" if oidc.is_on() else ""}


def safe_target(request: HttpRequest) -> str:
    """Where to go after signing in: only ever a page of this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return wanted if safe else "/"
