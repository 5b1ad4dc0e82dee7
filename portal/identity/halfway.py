"""Between password and code: kept in the browser's server-side session for five minutes, and opening nothing."""

from datetime import datetime, timedelta

from django.http import HttpRequest

from portal.core import clock
from portal.identity import sessions
from portal.users.models import User

KEPT = timedelta(minutes=5)
NAME = "halfway"


def put(request: HttpRequest, user: User) -> None:
    """Remember that this browser gave her password. Whatever it was signed in to has ended."""
    sessions.end(request)
    request.session[NAME] = {"user": str(user.pk), "epoch": user.access_epoch, "at": clock.now().isoformat()}


def person(request: HttpRequest) -> User | None:
    """Whose code is awaited from this browser; None when nobody's, or it took too long, or her access moved on."""
    kept = request.session.get(NAME)
    if not kept or clock.now() - datetime.fromisoformat(kept["at"]) > KEPT:
        return None
    return User.objects.filter(pk=kept["user"], access_epoch=kept["epoch"], is_active=True).first()
