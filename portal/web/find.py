"""From an address to the place where its owner signs in."""

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from portal.identity.domains import provider_for
from portal.identity.provider_forms import FindForm
from portal.web.signin import safe_target


@never_cache
@require_POST
def find(request: HttpRequest) -> HttpResponse:
    """On to the provider of the address's domain, else to Keycloak without a hint: the answer says nothing of the person.

    A page leads on by itself: the browser's policy stops a form whose redirects leave the portal.
    """
    form, query = FindForm(request.POST), {"next": safe_target(request)}
    if not settings.KEYCLOAK_URL or not form.is_valid():
        return redirect(f"{reverse('signin')}?{urlencode(query)}")
    provider = provider_for(form.cleaned_data["email"])
    onward = f"{reverse('auth-login')}?{urlencode({**query, 'idp': provider.alias} if provider else query)}"
    return render(request, "registration/onward.html", {"onward": onward})
