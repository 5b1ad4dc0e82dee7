"""Gives each request its actor."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from portal.identity.sessions import actor_of


class WhoActs:
    """Sets `request.actor`: the Actor, or None. A session that has ended is closed here, before any page reads it."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = actor_of(request)  # type: ignore[attr-defined]
        return self.answer(request)
