"""Whether terms of use wait for a signed-in person: looked at when she signs in, and once a minute from then on."""

from datetime import datetime, timedelta

from django.http import HttpRequest

from portal.core import clock
from portal.tenancy.terms import waiting_for
from portal.users.actor import Actor

EVERY = timedelta(minutes=1)
MARK = "terms"


def note(request: HttpRequest, actor: Actor) -> bool:
    """Look now, keep in her session when nothing waits, and say whether something does."""
    waits = waiting_for(actor).exists()
    request.session[MARK] = "" if waits else clock.now().isoformat()
    return waits


def is_asked(request: HttpRequest, actor: Actor) -> bool:
    """Whether she has to accept terms before she goes on. An admin who looks as her does not accept for her."""
    if actor.viewed_as_by:
        return False
    clear = request.session.get(MARK)
    if clear and clock.now() - datetime.fromisoformat(clear) <= EVERY:
        return False
    return note(request, actor)
