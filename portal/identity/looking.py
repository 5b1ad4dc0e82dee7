"""Seeing the portal as another person sees it: who may, what is shown, and what ends it. Nothing can be written meanwhile."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Func, Q, QuerySet, Value
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils.translation import gettext as _

from portal.access.guard import permissions_at, require_fresh
from portal.access.models import Scope
from portal.access.permissions import PERMISSIONS, ROLES
from portal.access.resolver import Grants, grants
from portal.core import clock
from portal.core.errors import Forbidden, NotFound, Refused
from portal.events.services import record
from portal.identity.live import session_id_of
from portal.identity.models import Look, LookEnd, Session
from portal.identity.people import clean_reason, manages_people_in, person_of
from portal.notices.services import notify
from portal.users.actor import Actor, Auth, Narrowing
from portal.users.models import User

LONGEST = timedelta(minutes=15)
MARK = "look"
PERMISSION = "view_as"
USING = frozenset(PERMISSIONS) - ROLES["organization_admin"][1]
"""What a governor need not hold herself: it is for using resources, and nobody uses anything while looking."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The organizations of a person of which somebody may see hers, by name. Where there is none, `why_not` says why; it is
    empty for who may look as nobody there, for she is offered nothing.
    """

    organizations: list[Scope]
    why_not: str = ""


def sight_of(person: User, actor: Actor) -> Sight:
    """What the actor may see as this person: three queries."""
    held = _held_by(person)
    found, why_not = [], ""
    for organization in _roots_to_see(held, actor):
        try:
            check_may_look(person, actor)
            _check_holds(_within(held, organization), actor)
            found.append(organization)
        except Forbidden as error:
            why_not = str(error)
    return Sight(found, "" if found else why_not)


def looks_at(person: User) -> QuerySet[Look]:
    """Who looked as her, the latest on top."""
    return Look.objects.filter(person=person).select_related("looker", "organization")


@transaction.atomic
def begin_view_as(person: User, organization_id: UUID | str, *, actor: Actor, reason: str) -> Look:
    """Look at one organization as this person sees it, for fifteen minutes at most, in the session that asked for it.

    The actor holds `view_as` and manages people at the organization's root, and holds herself whatever the person holds
    there, but for what only users of resources need. NotFound for a person or an organization that is not hers to manage.
    """
    require_fresh(actor)
    person = person_of(actor, person.pk)
    check_may_look(person, actor)
    held = _held_by(person)
    organization = next((each for each in _roots_to_see(held, actor) if str(each.pk) == str(organization_id)), None)
    if organization is None:
        raise NotFound
    _check_holds(_within(held, organization), actor)
    reason = clean_reason(reason)
    session = _session_of(actor).filter(user=actor.user, ended_at=None).first()
    if session is None:
        raise Forbidden(_("Only who is signed in to the pages sees them as another person does."))
    end_of_session(LookEnd.STOPPED, actor=actor)
    look = Look.objects.create(
        looker=actor.user,
        person=person,
        organization=organization,
        session=session,
        reason=reason,
        epoch=person.access_epoch,
        until=clock.now() + LONGEST,
    )
    record("identity.begin_view_as", person, actor=actor, scope_path=look.scope_path, reason=reason, look=look.pk)
    return look


@transaction.atomic
def end_view_as(look: Look, end: LookEnd, *, actor: Actor) -> None:
    """End a look, once: what was opened goes into the event, and the person is told who looked."""
    look = Look.objects.select_for_update(of=("self",)).select_related("looker", "person", "organization").get(pk=look.pk)
    if look.ended_at is not None:
        return
    look.ended_at, look.end = min(clock.now(), look.until), end
    look.save(update_fields=["ended_at", "end"])
    said = {"look": look.pk, "looker": look.looker, "ended_by": str(end), "opened": look.opened, "paths": look.paths}
    event = record("identity.end_view_as", look.person, actor=actor, scope_path=look.scope_path, **said)
    began = f"{look.created_at:%Y-%m-%d %H:%M} UTC"
    words = {"who": str(look.looker), "date": began, "note": look.reason}
    notify([look.person], "seen_as", target=look.organization, actor=Actor.system(actor.correlation_id), event=event, **words)


def end_of_session(end: LookEnd, *, actor: Actor) -> None:
    """End what the session she came with still looks at."""
    for look in Look.objects.filter(session__in=_session_of(actor), ended_at=None):
        end_view_as(look, end, actor=actor)


def going_on(look_id: Any, actor: Actor) -> Look | None:
    """The look that this session is in, with its person; None where it has ended."""
    open_looks = Look.objects.filter(pk=look_id, session__in=_session_of(actor), looker=actor.user, ended_at=None)
    return open_looks.select_related("person", "organization").first()


def as_seen(look: Look, actor: Actor) -> Actor:
    """The actor that pages are drawn for: the person, cut to the organization, and who looks.

    Raises what says why it is over: Refused after its time, Forbidden once either's access has changed so that it would not
    be allowed any more.
    """
    if clock.now() >= look.until:
        raise Refused(_("Fifteen minutes are over: you see Concord as yourself again."))
    if look.person.access_epoch != look.epoch:
        raise Forbidden(_("Her access has changed: you see Concord as yourself again."))
    check_may_look(look.person, actor)
    seen = replace(
        actor,
        user=look.person,
        viewed_as_by=actor.user,
        narrowed_to=Narrowing(scope_path=look.organization.scope_path),
        memory={},
    )
    if not grants(seen) or not _may_see(look.organization, actor):
        raise Forbidden(_("You may no longer look as her: you see Concord as yourself again."))
    _check_holds(grants(seen), actor)
    return seen


def note_page(look: Look, path: str) -> None:
    """Count a page that was opened, and keep its address where it is a new one of the first fifty."""
    kept: dict[str, Any] = {"opened": F("opened") + 1}
    path = path[:200]
    if path not in look.paths and len(look.paths) < Look.MOST_PATHS:
        kept["paths"] = Func(F("paths"), Value(path), function="array_append")
    Look.objects.filter(pk=look.pk, ended_at=None).update(**kept)


@transaction.atomic
def refuse_act(look: Look, method: str, path: str, *, actor: Actor) -> None:
    """Keep that somebody tried to act as the person she looks as. Nothing was done; both are in the event."""
    record(
        "identity.act_as", look.person, actor=actor, scope_path=look.scope_path, outcome="refused", method=method, path=path
    )


def end_overdue(now: datetime) -> int:
    """End the looks whose time is over or whose session has ended, though nobody came back; returns how many."""
    over = Q(until__lte=now) | Q(session=None) | Q(session__ended_at__isnull=False)
    looks = list(Look.objects.filter(over, ended_at=None).select_related("session"))
    for look in looks:
        end = LookEnd.TIME if look.until <= now else LookEnd.SIGNED_OUT
        end_view_as(look, end, actor=Actor.system())
    return len(looks)


def enter(request: HttpRequest, look: Look) -> None:
    """From its next request on this session looks."""
    request.session[MARK] = str(look.pk)


def leave(request: HttpRequest) -> None:
    """This session looks no more. Forms that she was shown as the other are too old from now on, in every tab: sent, they
    would do in her own name what she saw under another. `request.was_looking` says so of this very request.
    """
    request.session.pop(MARK, None)
    request.was_looking = True  # type: ignore[attr-defined]
    rotate_token(request)


def looker_of(actor: Actor) -> Actor:
    """Who looks, acting as herself."""
    return replace(actor, user=actor.viewed_as_by or actor.user, viewed_as_by=None, narrowed_to=None, memory={})


def check_may_look(person: User, actor: Actor) -> None:
    """Neither a service account nor a narrowed token looks as another, nor anybody as herself or as who is shut out."""
    if actor.viewed_as_by or actor.narrowed_to is not None or actor.is_system or actor.auth.method == "token":
        raise Forbidden(_("Only who is signed in to the pages sees them as another person does."))
    if person.pk == actor.person_id:
        raise Forbidden(_("You see Concord as yourself already."))
    if not person.is_active:
        raise Forbidden(_("She is disabled, so she sees nothing."))


def _session_of(actor: Actor) -> QuerySet[Session]:
    session_id = session_id_of(actor)
    return Session.objects.filter(pk=session_id) if session_id else Session.objects.none()


def _held_by(person: User) -> Grants:
    return grants(Actor(person, Auth("none")))


def _roots_to_see(held: Grants, actor: Actor) -> list[Scope]:
    """The organizations where something is held and the actor may look as people and manages them."""
    hers = {path.split(".")[0] for path, _permissions in held}
    roots = [UUID(path) for path, permissions in grants(actor) if path in hers and PERMISSION in permissions]
    found = Scope.objects.filter(pk__in=roots).order_by("name", "pk") if roots else []
    return [root for root in found if manages_people_in(root, actor)]


def _within(held: Grants, organization: Scope) -> Grants:
    return [(path, permissions) for path, permissions in held if path.split(".")[0] == organization.scope_path]


def _check_holds(held: Grants, actor: Actor) -> None:
    """Whoever looks may do herself whatever the other may; looking lends nobody more than she has."""
    for path, permissions in held:
        if missing := permissions - USING - permissions_at(actor, path):
            said = _("She holds more than you do, so you may not look as her: %(permissions)s.")
            raise Forbidden(said % {"permissions": ", ".join(sorted(missing))})


def _may_see(organization: Scope, actor: Actor) -> bool:
    held = permissions_at(actor, organization.scope_path)
    return PERMISSION in held and manages_people_in(organization, actor)
