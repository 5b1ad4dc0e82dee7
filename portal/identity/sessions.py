"""The signed-in session: which user, since when, and until what ends it."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth import SESSION_KEY, login, logout, update_session_auth_hash
from django.contrib.sessions.models import Session as StoredSession
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.core import clock
from portal.identity import consent
from portal.identity.models import Session, SessionEnd
from portal.users.actor import NEVER, Actor, Auth
from portal.users.models import Identity, User

IDLE = timedelta(hours=2)
LONGEST = timedelta(hours=12)
NOTED_EVERY = timedelta(minutes=1)
SHELL = "shell"
"""How a session came about that no browser has."""
BACKEND = "django.contrib.auth.backends.ModelBackend"


def begin(
    request: HttpRequest,
    user: User,
    *,
    method: str,
    identity: Identity | None = None,
    sid: str = "",
    refresh_token: str = "",
    id_token: str = "",
) -> Actor:
    """Sign the user in under a new session key. What the browser's session held before is gone."""
    end(request)
    login(request, user, backend=BACKEND)
    row = Session(
        user=user,
        key=request.session.session_key,
        method=method,
        identity=identity,
        sid=sid,
        address=address_of(request),
        agent=request.headers.get("User-Agent", "")[:200],
    )
    row.refresh_token, row.id_token = refresh_token, id_token
    row.save(force_insert=True)
    now = clock.now().isoformat()
    request.session.update({"id": str(row.pk), "epoch": user.access_epoch, "method": method, "began": now, "seen": now})
    actor = _actor(request, user)
    consent.note(request, actor)
    return actor


def end(request: HttpRequest, *, why: SessionEnd = SessionEnd.SIGNED_OUT) -> None:
    """Forget the session of this request, here and in the store."""
    end_all(_row(request), why=why)
    logout(request)


@transaction.atomic
def end_all(sessions: QuerySet[Session], *, why: SessionEnd) -> int:
    """End those sessions at their next request, on whichever node; returns how many lived."""
    living = list(sessions.filter(ended_at=None).select_for_update())
    StoredSession.objects.filter(session_key__in=[row.key for row in living]).delete()
    ended = Session.objects.filter(pk__in=[row.pk for row in living])
    return ended.update(ended_at=clock.now(), end=why, key=None, sealed=None)


def go_on(request: HttpRequest, user: User) -> None:
    """End all her sessions but this one, after her password changed and her epoch moved on; its key is a new one."""
    end_all(user.sessions.exclude(pk__in=_row(request).values("pk")), why=SessionEnd.EVERYWHERE)
    update_session_auth_hash(request, user)
    request.session["epoch"] = user.access_epoch
    _row(request).update(key=request.session.session_key)


def living_of(user: User) -> QuerySet[Session]:
    """Her sessions that open the portal now, newest first."""
    now = clock.now()
    return Session.objects.filter(user=user, ended_at=None, created_at__gt=now - LONGEST, seen_at__gt=now - IDLE)


def id_token_of(request: HttpRequest) -> str:
    """What ends this session at the provider it came from; empty where it came from none."""
    row = _row(request).filter(ended_at=None).first()
    return row.id_token if row else ""


def actor_of(request: HttpRequest) -> Actor | None:
    """Who acts in this request; None when nobody is signed in, or her session has ended meanwhile."""
    if SESSION_KEY not in request.session:
        return None
    user = request.user
    if not isinstance(user, User) or not _holds(request, user):
        end(request, why=SessionEnd.EXPIRED)
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
    if now - datetime.fromisoformat(request.session["seen"]) > NOTED_EVERY:
        request.session["seen"] = now.isoformat()
        _row(request).update(seen_at=now)


def _row(request: HttpRequest) -> QuerySet[Session]:
    return Session.objects.filter(pk=request.session.get("id", UUID(int=0)))


def _actor(request: HttpRequest, user: User) -> Actor:
    auth = Auth(request.session.get("method", ""), session=request.session.get("id", ""), address=address_of(request))
    correlation_id = getattr(request, "correlation_id", "")
    actor = Actor(user, auth, checked_at=NEVER)
    return replace(actor, correlation_id=correlation_id) if correlation_id else actor
