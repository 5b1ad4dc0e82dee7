"""Gives each request its actor."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from portal.core.errors import Forbidden, Refused
from portal.identity import looking
from portal.identity.models import LookEnd
from portal.identity.sessions import actor_of
from portal.users.actor import Actor


class WhoActs:
    """Sets `request.actor`: the Actor, or None. A session that has ended is closed here, before any page reads it.

    Where she looks as another person, the actor is that person and `request.look` the look; else `request.look` is None. A
    look that is over ends here, too.
    """

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        actor = actor_of(request)
        request.look = None  # type: ignore[attr-defined]
        if actor and looking.MARK in request.session:
            actor = seen_by(request, actor)
        request.actor = actor  # type: ignore[attr-defined]
        return self.answer(request)


def seen_by(request: HttpRequest, actor: Actor) -> Actor:
    """The person as whom she looks; herself where the look is over, and a message that says so."""
    look = looking.going_on(request.session[looking.MARK], actor)
    if look is None:
        looking.leave(request)
        return actor
    try:
        seen = looking.as_seen(look, actor)
    except (Refused, Forbidden) as error:
        end = LookEnd.TIME if isinstance(error, Refused) else LookEnd.ACCESS
        looking.end_view_as(look, end, actor=actor)
        looking.leave(request)
        messages.info(request, str(error))
        return actor
    request.look = look  # type: ignore[attr-defined]
    return seen
