"""Wrong passwords and codes are counted by name and address; too many, and nothing more is looked at for a while."""

import math
from datetime import timedelta

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_login_failed
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.core import clock
from portal.core.errors import TooMany
from portal.identity import sessions
from portal.users.models import User


def verify(request: HttpRequest, username: str, password: str) -> User | None:
    """The user that name and password belong to, or None, which counts. Raises TooMany while the name is locked here.

    Call it outside a transaction that may be rolled back: what it counts would be lost.
    """
    check_open(request, username)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        _date_attempt(request, username)
        return None
    return user


def check_open(request: HttpRequest, username: str) -> None:
    """Raise TooMany while this name is locked at this address; it says nothing of whether the name is somebody's."""
    _stamp(request)
    if AxesProxyHandler.is_allowed(request, {"username": username}):
        return
    last = _attempts(request, username).aggregate(last=Max("attempt_time"))["last"] or clock.now()
    raise too_many(last + settings.AXES_COOLOFF_TIME - clock.now())


def count_failure(request: HttpRequest, username: str) -> None:
    """A wrong code weighs as much as a wrong password."""
    _stamp(request)
    user_login_failed.send(__name__, credentials={"username": username}, request=request)
    _date_attempt(request, username)


def forget(request: HttpRequest, username: str) -> None:
    """Count from nought again for this name at this address: she has proved by other means who she is."""
    _attempts(request, username).delete()


def too_many(wait: timedelta) -> TooMany:
    """The refusal, with the time to wait in words."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    minutes = math.ceil(seconds / 60)
    if seconds < 60:
        said = ngettext("Try again in %(count)s second.", "Try again in %(count)s seconds.", seconds) % {"count": seconds}
    else:
        said = ngettext("Try again in %(count)s minute.", "Try again in %(count)s minutes.", minutes) % {"count": minutes}
    return TooMany(_("Too many wrong tries. %(when)s") % {"when": said}, wait_s=seconds)


def address_of(request: HttpRequest) -> str | None:
    """The address as every session and event has it; None where the server in front names none."""
    return sessions.address_of(request) or None


def _attempts(request: HttpRequest, username: str) -> QuerySet[AccessAttempt]:
    found: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(username=username, ip_address=address_of(request))
    return found


def _stamp(request: HttpRequest) -> None:
    """Let axes count by the clock of the house."""
    AxesProxyHandler.update_request(request)
    request.axes_attempt_time = clock.now()  # type: ignore[attr-defined]


def _date_attempt(request: HttpRequest, username: str) -> None:
    """A new row of axes is dated by the database layer, whatever it was given."""
    newest = {"user_agent": request.axes_user_agent}  # type: ignore[attr-defined]
    _attempts(request, username).filter(**newest).update(attempt_time=clock.now())
