"""The second factor: its code at sign-in, and its page, where it is set up, recovered and removed."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.core.errors import Conflict, Invalid, PortalError, TooMany
from portal.identity import codes, factors, halfway, services
from portal.identity.local_forms import CodeForm, PasswordForm, ProofForm
from portal.web.refusals import refuse
from portal.web.signin import safe_target


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def signin_code(request: HttpRequest) -> HttpResponse:
    """The second step of signing in; without a first there is nothing to see."""
    target = safe_target(request)
    if request.method == "GET" and halfway.person(request) is None:
        return redirect("signin")
    is_recovery = "recovery" in request.GET
    form = CodeForm(request.POST or None, is_recovery=is_recovery)
    status, is_late = 200, False
    if request.method == "POST":
        status = 422
        try:
            if form.is_valid():
                services.sign_in_with_code(request, form.cleaned_data["code"])
                return redirect(target)
        except Conflict as error:
            status, is_late = error.status, True
            form.add_error(None, str(error))
        except (Invalid, TooMany) as error:
            status = 429 if isinstance(error, TooMany) else 422
            form.add_error(None, str(error))
    context = {"form": form, "next": target, "is_recovery": is_recovery, "is_late": is_late}
    return render(request, "identity/code.html", context, status=status)


@login_required
@never_cache
def second_factor(request: HttpRequest) -> HttpResponse:
    """How it stands, what to do next, and recovery codes just made, once."""
    waiting = request.session.pop("fresh-codes", None)
    made = factors.take_codes(waiting, actor=request.actor) if waiting else []
    return page(request, made=made)


@login_required
@sensitive_post_parameters("password")
@require_POST
def set_up(request: HttpRequest) -> HttpResponse:
    """Make a key, and show it on the page that follows."""
    form = PasswordForm(request.POST)
    try:
        if form.is_valid():
            factors.set_up(request, form.cleaned_data["password"], actor=request.actor)
            return redirect("second-factor")
    except (Invalid, TooMany) as error:
        add_refusal(form, error)
    return page(request, password_form=form, status=status_of(form))


@login_required
@sensitive_post_parameters("code")
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """The first code: from here on it counts."""
    form = CodeForm(request.POST)
    try:
        if form.is_valid():
            request.session["fresh-codes"] = str(factors.confirm(form.cleaned_data["code"], actor=request.actor))
            return redirect("second-factor")
    except Invalid as error:
        add_refusal(form, error)
    return page(request, code_form=form, status=422)


@login_required
@sensitive_post_parameters("proof")
@require_POST
def make_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, shown on the page that follows."""
    form = ProofForm(request.POST, prefix="codes")
    try:
        if form.is_valid():
            request.session["fresh-codes"] = str(factors.make_codes(request, form.cleaned_data["proof"], actor=request.actor))
            return redirect("second-factor")
    except (Invalid, TooMany) as error:
        add_refusal(form, error)
    return page(request, codes_form=form, status=status_of(form))


@login_required
@sensitive_post_parameters("proof")
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Ask for no code any more."""
    form = ProofForm(request.POST, prefix="remove")
    try:
        if form.is_valid():
            factors.remove(request, form.cleaned_data["proof"], actor=request.actor)
            messages.success(request, _("Your password alone opens your account now."))
            return redirect("second-factor")
    except (Invalid, TooMany) as error:
        add_refusal(form, error)
    return page(request, remove_form=form, status=status_of(form))


def page(request: HttpRequest, *, status: int = 200, made: list[str] | None = None, **forms: Any) -> HttpResponse:
    """The whole page, with the form that was sent in place of an empty one."""
    ways = factors.ways_of(request.actor)
    context: dict[str, Any] = {"ways": ways, "made": made, "made_text": "\n".join(made or [])}
    context |= {
        "password_form": PasswordForm(),
        "code_form": CodeForm(),
        "codes_form": ProofForm(prefix="codes"),
        "remove_form": ProofForm(prefix="remove"),
        **forms,
    }
    if ways.pending:
        written = codes.written_key(ways.pending)
        context["picture"] = mark_safe(codes.picture_of(ways.pending))  # noqa: S308 drawn by segno, from our own key
        context["key"] = " ".join(written[start : start + 4] for start in range(0, len(written), 4))
        context["uri"] = codes.uri_of(ways.pending)
    return render(request, "identity/second_factor.html", context, status=status)


def add_refusal(form: Any, error: PortalError) -> None:
    """What a service refused, beside its field or over the form."""
    refuse(form, error)
    form.refused = error.status


def status_of(form: Any) -> int:
    """429 where it was too often, else 422."""
    return 429 if getattr(form, "refused", 0) == TooMany.status else 422
