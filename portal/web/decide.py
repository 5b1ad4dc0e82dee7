"""The link of a mail that lets one person decide one thing: opening it shows the card, sending the form votes."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from portal.approvals import links
from portal.approvals.forms import VoteForm
from portal.approvals.models import DecisionLink
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Stale
from portal.web import facts
from portal.web.refusals import refuse


@never_cache
@sensitive_variables("secret")
@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, secret: str) -> HttpResponse:
    """One card for whoever holds its link; posted, the vote of the person it was sent to."""
    try:
        link = links.link_of(secret)
    except NotFound as error:
        return render(request, "approvals/decide.html", {"over": str(error)}, status=404)
    if said := links.why_not(link):
        return over(request, link, said)
    if request.method == "GET":
        return show(request, link, VoteForm())
    return send(request, link, secret)


@sensitive_variables("secret")
def send(request: HttpRequest, link: DecisionLink, secret: str) -> HttpResponse:
    """Her vote. Where it cannot be taken as it is, the card that holds now, with the reason."""
    form = VoteForm(request.POST)
    if not form.is_valid():
        return show(request, link, form, status=422)
    sent = form.cleaned_data
    address = request.META.get("REMOTE_ADDR", "")
    try:
        links.decide(secret, sent["choice"], sent["card_hash"], note=sent["note"], address=address)
    except Invalid as error:
        refuse(form, error)
        return show(request, link, form, status=422)
    except Stale as error:
        moved = [(each["name"], each["before"], each["after"]) for each in error.extra["changes"]]
        return show(request, link, form, refused=str(error), moved=moved, status=409)
    except Refused as error:
        return show(request, link, form, refused=str(error), status=error.status)
    except (Conflict, Forbidden, NotFound) as error:
        return over(request, link, str(error))
    said = {"approve": _("You approved it."), "deny": _("You denied it."), "return": _("You returned it.")}
    return render(request, "approvals/decide.html", {"done": said[sent["choice"]], "approval": link.approval})


def show(
    request: HttpRequest, link: DecisionLink, form: VoteForm, *, refused: str = "", moved: Any = (), status: int = 200
) -> HttpResponse:
    """The card and the form under it; without the form where her vote would not count now."""
    drawn = links.card_by(link)
    if not drawn.can_vote:
        return over(request, link, drawn.why_not)
    context = {
        "approval": link.approval,
        "person": link.person,
        "card": drawn,
        "facts": facts.lines(drawn.facts),
        "items": facts.items(drawn.facts),
        "cost": facts.cost_of(drawn.facts),
        "moved": facts.shifts(moved, drawn.facts),
        "refused": refused,
        "form": form,
    }
    return render(request, "approvals/decide.html", context, status=status)


def over(request: HttpRequest, link: DecisionLink, said: str) -> HttpResponse:
    """It decides nothing any more: why, and the way to the page of it."""
    return render(request, "approvals/decide.html", {"over": said, "approval": link.approval}, status=410)
