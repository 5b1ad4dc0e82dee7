"""Who vouches for an organization's people: the list, adding and changing one, and the page of one that follows its checks."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.access.guard import permissions_of
from portal.core import clock
from portal.core.errors import Conflict, Invalid, NotFound
from portal.identity import providers
from portal.identity.models import IdentityProvider, ProviderState
from portal.identity.protocols import PROTOCOLS, Protocol, check_label, in_words
from portal.identity.provider_forms import NewProviderForm, ProviderForm, answers, config_form, secret_form
from portal.users.actor import Actor
from portal.web.events import page_number
from portal.web.refusals import refuse_sheets
from portal.web.states import Look, look_of

ROWS = 50
LOOKS_FOR = timedelta(minutes=10)
"""How long a page looks for checks or for Keycloak; where no worker is, it does not look for ever."""


@dataclass(frozen=True, slots=True)
class Line:
    """One check: what was looked for, how it went, what was seen, what to do."""

    title: str
    state: str
    says: str = ""
    do: str = ""

    @property
    def look(self) -> Look:
        return look_of(self.state, "check")


@login_required
def identity_providers(request: HttpRequest) -> HttpResponse:
    """The providers of her organizations, by name."""
    check_may_look(request.actor)
    page = Paginator(providers.providers_visible_to(request.actor), ROWS).get_page(page_number(request))
    context = {"page": page, "protocols": names(), "has_keycloak": bool(settings.KEYCLOAK_URL)}
    return render(request, "identity/providers.html", context)


@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """Which protocol the new one speaks."""
    check_may_look(request.actor)
    offered = [(one.key, _(one.name), _(one.says)) for one in PROTOCOLS.values()]
    return render(request, "identity/protocols.html", {"offered": offered})


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, protocol: str) -> HttpResponse:
    """The form of one protocol; posted and well, its checks begin and its page follows them."""
    check_may_look(request.actor)
    spoken, data = protocol_named(protocol), request.POST if request.method == "POST" else None
    sheets: list[Any] = [NewProviderForm(request.actor, data), config_form(spoken, data), secret_form(spoken, data)]

    def act() -> IdentityProvider:
        about, config, secret = sheets
        organization = about.cleaned_data["organization"]
        given = about.given()
        return providers.add_provider(
            organization,
            spoken.key,
            given["name"],
            answers(config),
            secret.spec(),
            domains=given["domains"],
            actor=request.actor,
        )

    return filled(request, sheets, act, {"protocol": _(spoken.name), "title": _("Add a provider")})


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The same form with what is kept; a secret is never shown back, and stays where its field is left empty."""
    found = providers.provider_visible_to(request.actor, pk)
    spoken, data = PROTOCOLS[found.protocol], request.POST if request.method == "POST" else None
    initial = {"name": found.name, "domains": "\n".join(each.domain for each in found.domains.all())}
    sheets: list[Any] = [
        ProviderForm(data, initial=initial),
        config_form(spoken, data, found),
        secret_form(spoken, data, found),
    ]

    def act() -> IdentityProvider:
        about, config, secret = sheets
        return providers.change_provider(
            found, config=answers(config), secret=secret.spec(), actor=request.actor, **about.given()
        )

    said = {"protocol": _(spoken.name), "title": _("Change %(name)s") % {"name": found.name}, "provider": found}
    return filled(request, sheets, act, said)


@login_required
@never_cache
def identity_provider(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One provider; asked for by htmx, only what moves on it."""
    found = providers.provider_visible_to(request.actor, pk)
    template = "identity/provider.html#live" if request.htmx else "identity/provider.html"
    return render(request, template, picture(found))


def picture(found: IdentityProvider) -> dict[str, Any]:
    """Everything the page shows of one provider."""
    spoken = PROTOCOLS[found.protocol]
    fields = in_words(spoken.config)["properties"]
    shown = [(part["title"], told(part, found.config.get(name))) for name, part in fields.items() if name != "metadata"]
    return {
        "provider": found,
        "protocol": _(spoken.name),
        "lines": lines(found, spoken),
        "done": len(found.results),
        "planned": len(spoken.checks),
        "facts": [(label, value) for label, value in shown if value != ""],
        "domains": [each.domain for each in found.domains.all()],
        "people": providers.people_lately(found),
        "is_moving": is_moving(found),
        "has_keycloak": bool(settings.KEYCLOAK_URL),
        "test_url": test_url(found),
    }


@login_required
@require_POST
def check(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Run its checks now."""
    providers.check_provider(providers.provider_visible_to(request.actor, pk), actor=request.actor)
    return redirect("identityprovider", pk)


@login_required
@require_POST
def turn_on(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let people sign in with it."""
    providers.turn_on(providers.provider_visible_to(request.actor, pk), actor=request.actor)
    return redirect("identityprovider", pk)


@login_required
@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Turn it off, or remove it where nobody signs in with it; the page says what that costs."""
    found = providers.provider_visible_to(request.actor, pk)
    is_removal = found.state != ProviderState.ACTIVE
    if request.method == "POST":
        if (request.POST.get("act") == "remove") != is_removal:
            raise Conflict(_("It was turned on or off meanwhile. Look at it again."))
        (providers.remove_provider if is_removal else providers.turn_off)(found, actor=request.actor)
        if is_removal:
            messages.info(request, _("%(name)s is removed.") % {"name": found.name})
            return redirect("identity-providers")
        return redirect("identityprovider", pk)
    context = {"provider": found, "people": providers.people_lately(found), "is_removal": is_removal}
    return render(request, "identity/provider_stop.html", context)


def filled(
    request: HttpRequest, sheets: list[Any], act: Callable[[], IdentityProvider], said: dict[str, Any]
) -> HttpResponse:
    """The page of the three sheets; posted and well, it acts and goes to the provider."""
    status = 200
    if request.method == "POST":
        if all(sheet.is_valid() for sheet in sheets):
            try:
                return redirect("identityprovider", act().pk)
            except Invalid as error:
                refuse_sheets(sheets[0], {"config": sheets[1], "secret": sheets[2]}, error)
            except Conflict as error:
                sheets[0].add_error(None, str(error))
        status = 422
    context = {"sheets": sheets, "about": sheets[0], "others": sheets[1:], **said}
    return render(request, "identity/provider_form.html", context, status=status)


def lines(found: IdentityProvider, spoken: Protocol) -> list[Line]:
    """The checks done, the one under way and those to come, in the order they run."""
    done = {result["name"]: result for result in found.results}
    drawn, running = [], found.is_checking
    for name in spoken.checks:
        if name in done:
            result = done[name]
            drawn.append(Line(check_label(name), result["state"], result["says"], _(result["do"]) if result["do"] else ""))
            continue
        state = "running" if running else ("next" if found.is_checking else "left_out")
        drawn.append(Line(check_label(name), state))
        running = False
    return drawn


def told(part: dict[str, Any], value: Any) -> Any:
    """A value of its settings as people read it."""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return part.get("x-labels", {}).get(value, value) or ""


def is_moving(found: IdentityProvider) -> bool:
    """Whether the page should look again soon."""
    since = clock.now() - LOOKS_FOR
    checking = found.is_checking and found.run_at is not None and found.run_at > since
    return checking or (found.is_due and found.changed_at > since and bool(settings.KEYCLOAK_URL))


def test_url(found: IdentityProvider) -> str:
    """Where to try it. A directory has no page of its own: its people type their name at Keycloak's."""
    return settings.PUBLIC_URL + reverse("auth-login") + ("" if found.protocol == "ldap" else f"?idp={found.alias}")


def names() -> dict[str, str]:
    return {one.key: _(one.name) for one in PROTOCOLS.values()}


def protocol_named(key: str) -> Protocol:
    """A protocol by its key, or NotFound."""
    if key not in PROTOCOLS:
        raise NotFound
    return PROTOCOLS[key]


def check_may_look(actor: Actor) -> None:
    """To who sets up no organization's sign-in these pages are not there."""
    if providers.PERMISSION not in permissions_of(actor):
        raise NotFound
