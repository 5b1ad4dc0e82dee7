"""Why somebody can or cannot do something: the question, the answer, and where it can be changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.access.explain import Barrier, Cure, Explanation, Grant, Lack, Miss, Way
from portal.access.forms import WhyForm
from portal.access.guard import holds
from portal.access.models import Scope
from portal.access.permissions import PERMISSIONS
from portal.access.queries import scopes_visible_to
from portal.access.why import MANAGES, person_named, thing_for, why
from portal.core.errors import Forbidden, NotFound
from portal.users.actor import Actor

MOST_PLACES = 200
LINKED = ("scope", "order", "resource", "offering", "connection", "approval", "budget", "export", "identityprovider", "group")


@dataclass(frozen=True, slots=True)
class Line:
    """One grant in words: what it is, what it lacks, when, and the door to what would cure it."""

    title: str
    text: str
    lacks: list[str]
    when: datetime | None = None
    when_word: str = ""
    act: str = ""
    href: str = ""


@login_required
@never_cache
@require_GET
def why_page(request: HttpRequest) -> HttpResponse:
    """The form; once asked, the answer above it. What she may not see is not there to be asked about."""
    actor: Actor = request.actor
    asked = request.GET
    thing = thing_for(actor, asked.get("kind", ""), asked.get("id", "")) if asked.get("id") else None
    places = [] if thing else list(scopes_visible_to(actor).order_by("path")[:MOST_PLACES])
    begins = {name: asked.get(name, "") for name in ("person", "permission", "kind", "id", "scope")}
    form = WhyForm(asked if "permission" in asked else None, thing=thing, scopes=places, initial=begins)
    said = answer(form, actor, thing) if form.is_bound and form.is_valid() else None
    context = {"form": form, "thing": thing, "href": href_of(thing), "said": said, **(in_words(said, actor) if said else {})}
    return render(request, "access/why.html", context, status=422 if form.errors else 200)


def answer(form: WhyForm, actor: Actor, thing: Any) -> Explanation | None:
    """What is to be said; None where the form says why nothing is."""
    given = form.cleaned_data
    thing = thing or thing_for(actor, "scope", given["scope"])
    try:
        person = person_named(actor, given["person"].strip()) if given["person"].strip() else None
        return why(given["permission"], thing, asker=actor, person=person)
    except (NotFound, Forbidden) as error:
        form.add_error("person", str(error.detail or error.title) if isinstance(error, NotFound) else not_there())
    return None


def not_there() -> str:
    """Of another it is told to who gives roles in that place."""
    return _("You do not give roles there, so you can ask about yourself only.")


def in_words(said: Explanation, actor: Actor) -> dict[str, Any]:
    """The parts of the page that is the answer."""
    gives = said.scope is not None and holds(actor, MANAGES, said.scope)
    is_hers = said.actor.user.pk == actor.user.pk
    return {
        "is_hers": is_hers,
        "what": PERMISSIONS[said.permission],
        "reasons": [line_of(grant, said) for grant in said.reasons],
        "misses": [miss_in_words(miss, said, actor) for miss in said.misses],
        "barriers": [barrier_in_words(barrier) for barrier in said.barriers],
        "gives_here": gives and not is_hers,
        "answered": said.thing,
        "answered_href": href_of(said.thing),
    }


def line_of(grant: Grant, said: Explanation) -> Line:
    """A grant that carries."""
    return Line(title_of(grant, said), came_by(grant), [], grant.expires)


def title_of(grant: Grant, said: Explanation) -> str:
    """The role, or what was shared, and where."""
    if grant.role:
        return _("%(role)s at %(place)s") % {"role": grant.role.name, "place": grant.place}
    return _("Shared: %(place)s") % {"place": grant.place}


def came_by(grant: Grant) -> str:
    """How she has it, and from whom."""
    by = grant.row.granted_by
    ways = {
        Way.ROLE: _("given to her directly"),
        Way.GROUP: _("by the group %(group)s") % {"group": getattr(grant.row, "group", "")},
        Way.SCOPE_SHARE: _("a share, for this alone"),
        Way.SHARE: _("a share of this one thing"),
    }
    sources = {
        "rule": _("by a rule from her identity provider"),
        "scim": _("pushed by SCIM"),
        "approval": _("by an approval"),
    }
    parts = [ways[grant.way], sources.get(getattr(grant.row, "source", ""), "")]
    parts.append(_("from %(name)s") % {"name": by} if by else "")
    return " · ".join(part for part in parts if part)


def miss_in_words(miss: Miss, said: Explanation, actor: Actor) -> Line:
    """What nearly carries, and the door to its cure where the asker may open it."""
    grant = miss.grant
    texts = {
        Lack.BARRED: _("It carries this, and is held back."),
        Lack.ENDED: _("It carried this while it held."),
        Lack.NOT_BEGUN: _("It carries this once it begins."),
        Lack.WITHOUT: _("It reaches here and does not carry this."),
        Lack.ELSEWHERE: _("It carries this there, and does not reach here."),
    }
    whens = {Lack.ENDED: (grant.expires, _("ended")), Lack.NOT_BEGUN: (grant.starts, _("begins"))}
    act, href = door_of(miss, said, actor)
    lacks = [barrier_in_words(barrier) for barrier in miss.barriers]
    return Line(title_of(grant, said), texts[miss.lack], lacks, *whens.get(miss.lack, (None, "")), act, href)


def door_of(miss: Miss, said: Explanation, actor: Actor) -> tuple[str, str]:
    """The words and the address of what cures it; empty where another has to."""
    role, place = miss.grant.role, miss.grant.place
    if miss.cure == Cure.EXTEND_ROLE and role and role.scope and holds(actor, "manage_roles", role.scope):
        return _("Add it to the role"), reverse("role", args=[role.pk])
    if said.actor.user.pk == actor.user.pk:
        return "", ""  # nobody gives herself a role
    if miss.cure == Cure.ASSIGN and said.scope and holds(actor, MANAGES, said.scope):
        return _("Give it here, too"), reverse("scope", args=[said.scope.pk])
    if miss.cure in (Cure.RENEW, Cure.BEGIN):
        if isinstance(place, Scope) and role and holds(actor, MANAGES, place):
            return _("Give it anew"), reverse("scope", args=[place.pk])
        if not role and holds(actor, "share_resource", place):
            return _("Share it anew"), href_of(place)
    return "", ""


def barrier_in_words(barrier: Barrier) -> str:
    """What holds it back, and what to do."""
    return {
        Barrier.VIEWED_AS: _("Somebody looks at the portal as her, and so writes nothing."),
        Barrier.NARROWED: _("The token does not include this; another one may."),
        Barrier.BOUND: _("The token is bound to another place; another one may not be."),
    }[barrier]


def href_of(thing: Any) -> str:
    """Its page; empty where it has none of its own."""
    return reverse(thing.kind(), args=[thing.pk]) if thing is not None and thing.kind() in LINKED else ""
