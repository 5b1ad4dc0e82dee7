"""Somebody leaves: what is hers goes to others, and then her access ends. At once all or nothing; on a day, in every case."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Case, F, QuerySet, When
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.access.guard import require, require_fresh, scope_ids
from portal.access.models import Scope
from portal.core import clock, queue
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Refused
from portal.events.services import record
from portal.identity import people
from portal.identity.departures import end_there
from portal.identity.heirs import Choice, Heirs
from portal.identity.models import HandOver, Leaving, LeavingState
from portal.identity.plans import Move, Plan, moves_of, plan_for
from portal.notices.services import notify
from portal.tenancy.belongings import belongings
from portal.users.actor import Actor
from portal.users.models import User

MORNING = time(6)
FURTHEST = timedelta(days=366)
AT_ONCE = 200  # what fits into one request, and into the ten seconds that a fresh look at who asks is good for


@dataclass(frozen=True, slots=True)
class Orphaned:
    """Somebody disabled, and how many things she still answers for."""

    person: User
    count: int


def plan_leaving(person: User, organization: Scope, heirs: Choice, *, actor: Actor) -> Plan:
    """What she has there, whom each thing would go to and why not, and what would end. Nothing is changed."""
    require(actor, people.PERMISSION, organization)
    return plan_for(person, organization, heirs)


@transaction.atomic
def leave(person: User, organization: Scope, heirs: Choice, *, actor: Actor, reason: str, on: date | None = None) -> Leaving:
    """Hand over everything of hers in an organization and end her access there, now or on the morning of a day.

    Now: where one thing cannot go to its heir nothing happens at all, and the Refused says which. A thousand things and
    more are handed over by a worker, at once. Asked for again on the same day, nothing changes. Her account is disabled
    where she holds no role in another organization; else it stays, without anything here.
    """
    _check(person, organization, actor)
    reason = people.clean_reason(reason)
    person = _alone(person)
    people.check_admin_left(person, of=organization)
    plan = plan_for(person, organization, heirs)
    if left := _left(person, organization, plan):
        return left
    if plan.refused:
        raise Refused(_said(plan.refused), things={move.key: move.why for move in plan.refused[:100]})
    due_at = _morning_of(on, organization) if on else clock.now()
    leaving = _open(person, organization, actor)
    if (leaving.due_at, leaving.heirs, leaving.reason) == (due_at, heirs.as_data(), reason):
        return leaving
    leaving.heirs, leaving.reason, leaving.asked_by = heirs.as_data(), reason, actor.user
    leaving.state, leaving.due_at, leaving.error = LeavingState.PLANNED, due_at, ""
    leaving.save()
    if on or plan.count > AT_ONCE:
        path = organization.scope_path
        record("identity.plan_leave", person, actor=actor, scope_path=path, reason=reason, due=leaving.due_at)
        if not on:
            queue.after_commit("identity.carry_out_leaving", leaving.pk)
        return leaving
    return _carry_out(leaving, actor=actor, strict=True)


@transaction.atomic
def call_off(leaving: Leaving, *, actor: Actor) -> Leaving:
    """She stays after all. What was carried out is not undone by this; called off already, nothing changes."""
    require_fresh(actor)
    require(actor, people.PERMISSION, leaving.organization)
    leaving = _locked(leaving.pk)
    if leaving.state == LeavingState.DONE:
        raise Conflict(_("She has left already. What was handed over stays where it is; enable her on her page."))
    if leaving.state != LeavingState.CANCELLED:
        leaving.state, leaving.settled_at = LeavingState.CANCELLED, clock.now()
        leaving.save(update_fields=["state", "settled_at"])
        record("identity.call_off_leave", leaving.person, actor=actor, scope_path=leaving.scope_path)
    return leaving


def carry_out(leaving_id: UUID) -> None:
    """A planned leave whose time has come; late, twice or after a crash it leaves the same world.

    What its heir cannot take goes to the owner or admins of its place, then to the organization's admins; what even they
    cannot take is listed and told, and her access ends all the same. Only the last organization admin stays, and why is kept.
    """
    try:
        with transaction.atomic():
            leaving = _locked(leaving_id)
            if leaving.is_due(clock.now()):
                _carry_out(leaving, actor=Actor.system(), strict=False)
    except Conflict as error:
        Leaving.objects.filter(pk=leaving_id, state=LeavingState.PLANNED).update(error=str(error))


def leavings_visible_to(actor: Actor) -> QuerySet[Leaving]:
    """The leaves of organizations whose people she manages: planned ones first, then the newest."""
    found = Leaving.objects.filter(organization__in=scope_ids(actor, people.PERMISSION))
    planned = Case(When(state=LeavingState.PLANNED, then=0), default=1)
    return found.select_related("person", "organization", "asked_by").order_by(planned, "-created_at", "-pk")


def leaving_of(actor: Actor, pk: UUID | str) -> Leaving:
    """One of them, or NotFound."""
    found = leavings_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def planned_of(person: User, organization: Scope) -> Leaving | None:
    """Her planned leave from an organization."""
    return Leaving.objects.filter(person=person, organization=organization, state=LeavingState.PLANNED).first()


def what_became_of(leaving: Leaving) -> QuerySet[HandOver]:
    """Each thing and who answers for it now; what nobody took first."""
    rows = HandOver.objects.filter(leaving=leaving).select_related("to")
    return rows.order_by(F("to").asc(nulls_first=True), "belonging", "thing_label", "pk")


def orphans(actor: Actor) -> list[Orphaned]:
    """Who is disabled and still answers for something, in the organizations whose people she manages, the most first."""
    counts: dict[UUID, int] = {}
    for root in Scope.objects.filter(pk__in=scope_ids(actor, people.PERMISSION), parent=None):
        for belonging in belongings():
            for person, count in belonging.orphaned(root).items():
                counts[person] = counts.get(person, 0) + count
    found = User.objects.in_bulk(counts)
    return sorted(
        (Orphaned(found[pk], count) for pk, count in counts.items()), key=lambda each: (-each.count, str(each.person))
    )


def due(at: datetime) -> list[UUID]:
    """The planned ones whose time has come."""
    return list(Leaving.objects.filter(state=LeavingState.PLANNED, due_at__lte=at).values_list("pk", flat=True)[:100])


def _carry_out(leaving: Leaving, *, actor: Actor, strict: bool) -> Leaving:
    """Hand over, then end. The caller has the leave's row."""
    person = User.objects.select_for_update().get(pk=leaving.person_id)
    organization = leaving.organization
    heirs = Heirs(person, organization)
    done = list(_hand_over_all(moves_of(person, organization, Choice.read(leaving.heirs), heirs), heirs, actor, strict))
    HandOver.objects.bulk_create([_row(leaving, move) for move in done], ignore_conflicts=True, batch_size=1000)
    leaving.ended = _end(person, leaving, actor=actor)
    leaving.state, leaving.settled_at, leaving.error = LeavingState.DONE, clock.now(), ""
    leaving.save()
    left = [move for move in done if move.why]
    counts = {belonging.name: sum(move.belonging.name == belonging.name for move in done) for belonging in belongings()}
    detail = {"handed_over": len(done) - len(left), "left": len(left), "counts": counts, "ended": leaving.ended}
    record(
        "identity.leave", person, actor=actor, scope_path=organization.scope_path, reason=leaving.reason,
        cause=leaving, **detail,
    )  # fmt: skip
    _tell(leaving, done, heirs, actor=actor)
    return leaving


def _hand_over_all(moves: Iterable[Move], heirs: Heirs, actor: Actor, strict: bool) -> Iterable[Move]:
    for move in moves:
        tried = [move.to] if strict else [move.to, heirs.suggested(move.belonging, move.thing), *heirs.admins()]
        why = ""
        for to in dict.fromkeys(tried):
            said = heirs.why_not(move.belonging, move.thing, to) or _try(move, to, heirs.person, actor)
            if not said:
                yield move.given(to)
                break
            why = why or said
        else:
            if strict:
                raise Refused(_said([move.kept(why)]), things={move.key: why})
            yield move.kept(why)


def _try(move: Move, to: User | None, person: User, actor: Actor) -> str:
    """Hand one thing over; why it was refused."""
    if to is None:
        return ""
    try:
        with transaction.atomic():
            move.belonging.hand_over(move.thing, to, instead_of=person, actor=actor)
    except PortalError as error:
        return str(error)
    return ""


def _end(person: User, leaving: Leaving, *, actor: Actor) -> dict[str, Any]:
    """End her access: all of it where she belongs nowhere else. Roles last, for they say whose events these are."""
    organization = leaving.organization
    people.check_admin_left(person, of=organization)
    elsewhere = any(root.pk != organization.pk for root in people.organizations_of(person))
    cost = people.cost_of_disabling(person)
    if not elsewhere:
        people.disable_person(person, actor=actor, reason=leaving.reason)
    ended = end_there(person, organization, actor=actor, cause=leaving, entirely=elsewhere)
    keys = {} if elsewhere else {"sessions": cost.sessions, "keys": cost.tokens}
    return {**ended, **keys, "disabled": not elsewhere}


def _tell(leaving: Leaving, done: Sequence[Move], heirs: Heirs, *, actor: Actor) -> None:
    """Tell each heir how much came to her, and the admins of what is left."""
    mine: dict[UUID, list[Move]] = {}
    for move in done:
        if move.to and not move.why:
            mine.setdefault(move.to.pk, []).append(move)
    for moves in mine.values():
        notify(
            [move.to for move in moves[:1] if move.to],
            "handed_over",
            target=leaving.organization,
            actor=actor,
            things=len(moves),
        )
    left = sum(bool(move.why) for move in done)
    if left:
        notify(heirs.admins(), "left_without_owner", target=leaving, actor=actor, things=left)


def _row(leaving: Leaving, move: Move) -> HandOver:
    return HandOver(
        leaving=leaving,
        belonging=move.belonging.name,
        thing_id=str(move.thing.pk),
        thing_label=move.title[:200],
        place=str(move.place or "")[:120],
        to=None if move.why else move.to,
        why=move.why,
    )


def _check(person: User, organization: Scope, actor: Actor) -> None:
    require_fresh(actor)
    require(actor, people.PERMISSION, organization)
    if organization.parent_id is not None:
        raise Invalid(fields={"organization": [_("One leaves an organization as a whole.")]})
    if person.pk == actor.person_id and not actor.is_system:
        raise Forbidden(_("Nobody lets herself leave; ask another admin."))


def _alone(person: User) -> User:
    """Her row, locked: two who let her leave at once wait for each other."""
    return User.objects.select_for_update().get(pk=person.pk)


def _left(person: User, organization: Scope, plan: Plan) -> Leaving | None:
    """The leave that was carried out, where since then nothing came up that another would move or end."""
    if plan.count or plan.roles or plan.groups or (person.is_active and not plan.elsewhere):
        return None
    done = Leaving.objects.filter(person=person, organization=organization, state=LeavingState.DONE)
    return done.select_related("organization", "person").order_by("-settled_at").first()


def _open(person: User, organization: Scope, actor: Actor) -> Leaving:
    """Her planned leave there, locked; a new one, not saved, where there is none. The caller has her row."""
    rows: QuerySet[Leaving] = Leaving.objects.filter(person=person, organization=organization, state=LeavingState.PLANNED)
    found = rows.select_for_update(of=("self",)).select_related("organization", "person").first()
    return found or Leaving(person=person, organization=organization, asked_by=actor.user)


def _locked(leaving_id: UUID) -> Leaving:
    rows = Leaving.objects.select_for_update(of=("self",)).select_related("organization", "person")
    return rows.get(pk=leaving_id)


def _morning_of(day: date, organization: Scope) -> datetime:
    zone = ZoneInfo(organization.zone)
    at = datetime.combine(day, MORNING, zone)
    if not clock.now() < at <= clock.now() + FURTHEST:
        raise Invalid(fields={"on": [_("A day from tomorrow on, at most a year ahead.")]})
    return at


def _said(refused: Sequence[Move]) -> str:
    named = "; ".join(f"{move.title}: {move.why}" for move in refused[:3])
    words = ngettext(
        "%(count)s thing cannot go to its heir, so nothing was done. %(named)s",
        "%(count)s things cannot go to their heirs, so nothing was done. %(named)s",
        len(refused),
    )
    return words % {"count": len(refused), "named": named}
