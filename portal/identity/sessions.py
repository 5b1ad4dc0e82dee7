"""The signed-in session: which user, since when, and until what ends it."""

from datetime import datetime, timedelta

from django.contrib.auth import SESSION_KEY, login, logout
from django.http import HttpRequest

from portal.core import clock
from portal.users.actor import Actor, Auth
from portal.users.models import User

IDLE = timedelta(hours=2)
LONGEST = timedelta(hours=12)
BACKEND = "django.contrib.auth.backends.ModelBackend"


def begin(request: HttpRequest, user: User, *, method: str) -> Actor:
    """Sign the user in under a new session key. What the session kept for another user is gone."""
    login(request, user, backend=BACKEND)
    now = clock.now().isoformat()
    request.session.update({"epoch": user.access_epoch, "method": method, "began": now, "seen": now})
    return _actor(request, user)


def end(request: HttpRequest) -> None:
    """Forget the session, here and in the store."""
    logout(request)


def actor_of(request: HttpRequest) -> Actor | None:
    """Who acts in this request; None when nobody is signed in, or her session has ended meanwhile."""
    if SESSION_KEY not in request.session:
        return None
    user = request.user
    if not isinstance(user, User) or not _holds(request, user):
        end(request)
        return None
    _keep_alive(request)
    return _actor(request, user)


def address_of(request: HttpRequest) -> str:
    """The address the request came from, as the server in front of us sees it."""
    return str(request.META.get("REMOTE_ADDR", ""))


def _holds(request: HttpRequest, user: User) -> bool:
    now, session = clock.now(), request.session
    if not user.is_active or session.get("epoch") != user.access_epoch:
        return False
    began, seen = (datetime.fromisoformat(session.get(name, "1970-01-01T00:00:00+00:00")) for name in ("began", "seen"))
    return now - seen <= IDLE and now - began <= LONGEST


def _keep_alive(request: HttpRequest) -> None:
    """Note that she is here, at most once a minute, so that reading a page seldom writes."""
    now = clock.now()
    if now - datetime.fromisoformat(request.session["seen"]) > timedelta(minutes=1):
        request.session["seen"] = now.isoformat()


def _actor(request: HttpRequest, user: User) -> Actor:
    session = (request.session.session_key or "")[:8]
    auth = Auth(request.session.get("method", ""), session=session, address=address_of(request))
    correlation_id = getattr(request, "correlation_id", "")
    return Actor(user, auth, correlation_id=correlation_id) if correlation_id else Actor(user, auth)
