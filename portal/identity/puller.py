"""Read what happened at the identity provider, and end here what ended there.

Its events are read by its own time with an overlap, and each is acted on once: by time alone some are lost, since they are
committed later than they say. What is acted on is written with how far was read, so a killed worker loses nothing. Only what
ends something is done from an event itself; for all else the person is asked for again, so the order of events is no matter.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import F, Q

from portal.core import clock
from portal.core.errors import Unavailable, redacted
from portal.identity import journal, upstream
from portal.identity.models import Feed, Heard, Session
from portal.identity.plane import FeedName, issuer, plane
from portal.users.models import Identity

OVERLAP_MS = 15_000  # an event may be committed as late as the longest call to the provider takes
PAGE = 500
MOST_REREAD = 200
FEEDS: tuple[FeedName, ...] = ("events", "admin-events")
MOVED = {"GROUP_MEMBERSHIP", "ORGANIZATION_MEMBERSHIP", "REALM_ROLE_MAPPING", "CLIENT_ROLE_MAPPING", "USER"}
NAMELESS = {"GROUP", "ORGANIZATION", "ORGANIZATION_MEMBERSHIP", "COMPONENT"}
EMPTY = {("GROUP", "CREATE"), ("ORGANIZATION", "CREATE")}
TOLD_BY_HERSELF = {"DELETE_ACCOUNT", "USER_DISABLED_BY_PERMANENT_LOCKOUT", "USER_DISABLED_BY_TEMPORARY_LOCKOUT_ERROR"}


@dataclass(slots=True)
class News:
    """What a list of events asks for: subjects to shut out, to ask for again and to sign out, and sessions to end.

    `all_stale` and `all_out` are for events that name nobody.
    """

    shut_out: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    signed_out: set[str] = field(default_factory=set)
    sids: set[str] = field(default_factory=set)
    all_stale: bool = False
    all_out: bool = False


def pull() -> None:
    """Read both lists up to now and carry out what they say. Two at once, or a second run, do no harm."""
    if not issuer():
        return
    with _turn() as is_mine:
        read = [_read(name) for name in FEEDS] if is_mine else [False]
        if all(read):
            reread()


def news_of(events: Iterable[dict[str, Any]]) -> News:
    """What these events ask for, in whatever order they come."""
    news = News()
    for event in events:
        if "operationType" in event:
            _hear_admin(event, news)
        else:
            _hear_person(event, news)
    return news


def reread() -> None:
    """Ask again for people who may have changed: those shut out first, for they wait to be let in."""
    stale = Identity.objects.filter(issuer=issuer(), stale_since__isnull=False).select_related("user")
    for identity in stale.order_by(F("disabled_at").asc(nulls_last=True), "stale_since")[:MOST_REREAD]:
        try:
            is_enabled = plane().is_enabled(identity.subject)
            groups = plane().groups(identity.subject) if is_enabled else []
        except Unavailable:
            return  # it stays stale
        _carry_over(identity, bool(is_enabled), groups)


def _read(name: FeedName) -> bool:
    """Whether all of one list was read. What went wrong is kept with since when, until it goes well."""
    feed, _made = Feed.objects.get_or_create(issuer=issuer(), name=name)
    try:
        if feed.newest_ms is None:
            _begin(feed, name)
        _read_pages(feed, name)
    except Unavailable as error:
        feed.failing_since, feed.error = feed.failing_since or clock.now(), redacted(str(error))
        feed.save(update_fields=["failing_since", "error"])
        return False
    if feed.failing_since:
        journal.hurry()
    feed.read_at, feed.failing_since, feed.error = clock.now(), None, ""
    feed.save(update_fields=["read_at", "failing_since", "error"])
    return True


def _begin(feed: Feed, name: FeedName) -> None:
    """The reading begins with what comes: nothing that happened before is acted on."""
    newest = plane().newest(name)
    for page in _pages(name, newest - OVERLAP_MS):
        _remember(feed, page)
    feed.newest_ms = newest
    feed.save(update_fields=["newest_ms"])


def _read_pages(feed: Feed, name: FeedName) -> None:
    for page in _pages(name, (feed.newest_ms or 0) - OVERLAP_MS):
        take(feed, page)


def _pages(name: FeedName, since_ms: int) -> Iterator[list[dict[str, Any]]]:
    """Oldest first, so what comes meanwhile is on a later page; one committed late shifts others, which are read twice."""
    first, page = 0, plane().events(name, since_ms, 0, PAGE)
    while page:
        yield page
        if len(page) < PAGE:
            return
        first += PAGE
        page = plane().events(name, since_ms, first, PAGE)


@transaction.atomic
def take(feed: Feed, page: list[dict[str, Any]]) -> int:
    """Carry out what is new among these events, and write down how far was read; returns how many were new."""
    known = set(Heard.objects.filter(feed=feed, event__in=[event["id"] for event in page]).values_list("event", flat=True))
    fresh = [event for event in page if event["id"] not in known]
    _carry_out(news_of(fresh))
    _remember(feed, fresh)
    feed.newest_ms = max([feed.newest_ms or 0, *(int(event["time"]) for event in fresh)])
    feed.save(update_fields=["newest_ms"])
    Heard.objects.filter(feed=feed, at_ms__lt=feed.newest_ms - OVERLAP_MS).delete()
    return len(fresh)


def _remember(feed: Feed, events: list[dict[str, Any]]) -> None:
    rows = [Heard(feed=feed, event=event["id"], at_ms=int(event["time"])) for event in events]
    Heard.objects.bulk_create(rows, ignore_conflicts=True)


def _carry_out(news: News) -> None:
    known = Identity.objects.filter(issuer=issuer())
    for identity in known.filter(subject__in=news.shut_out, disabled_at=None):
        upstream.shut_out(identity, cause="provider")
    ours = Session.objects.filter(identity__issuer=issuer(), ended_at=None)
    named = Q(sid__in=news.sids) | Q(identity__subject__in=news.signed_out)
    if news.all_out or news.sids or news.signed_out:
        upstream.sign_out(ours if news.all_out else ours.filter(named), cause="provider")
    stale = known if news.all_stale else known.filter(subject__in=news.stale)
    stale.update(stale_since=clock.now())


@transaction.atomic
def _carry_over(identity: Identity, is_enabled: bool, groups: list[str]) -> None:
    """What was read of her; unless she became stale once more meanwhile, she is no longer."""
    if is_enabled:
        upstream.let_in(identity, cause="provider")
        upstream.claims_changed(identity, groups, cause="provider")
    else:
        upstream.shut_out(identity, cause="provider")
    Identity.objects.filter(pk=identity.pk, stale_since=identity.stale_since).update(stale_since=None)


def _hear_admin(event: dict[str, Any], news: News) -> None:
    """An act of an administrator, or of a program with rights: "users/<subject>/..." is what it was done to."""
    kind, act, path = event["resourceType"], event["operationType"], event.get("resourcePath") or ""
    subject = _subject_in(path)
    if kind == "USER_SESSION" and act == "DELETE":
        news.sids.add(path.removeprefix("sessions/"))
    elif kind == "REALM" and path == "logout-all":
        news.all_out = True
    elif kind == "USER" and act == "ACTION" and path.endswith("/logout"):
        news.signed_out.add(subject)
    elif kind in MOVED and subject:
        news.stale.add(subject)
        if kind == "USER" and (act == "DELETE" or '"enabled":false' in (event.get("representation") or "")):
            news.shut_out.add(subject)
    elif path.startswith("user-storage/") or (kind in NAMELESS and (kind, act) not in EMPTY):
        news.all_stale = True


def _hear_person(event: dict[str, Any], news: News) -> None:
    """What a person did herself. A brokered sign-in may have moved her between groups, which no event tells."""
    kind, subject = event["type"], event.get("userId") or ""
    if kind == "LOGOUT" and event.get("sessionId"):
        news.sids.add(event["sessionId"])
    elif (kind == "LOGIN" and "identity_provider" in (event.get("details") or {})) or kind in TOLD_BY_HERSELF:
        news.stale.add(subject)


def _subject_in(path: str) -> str:
    parts = path.split("/")
    return parts[1] if len(parts) > 1 and parts[0] == "users" else ""


@contextmanager
def _turn() -> Iterator[bool]:
    """Whether no other run reads. A worker that dies gives its turn back with its connection."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('identity.pull', 0))")
        is_mine = bool(cursor.fetchone()[0])
        try:
            yield is_mine
        finally:
            if is_mine:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended('identity.pull', 0))")
