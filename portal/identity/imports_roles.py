"""Rows of roles: given, or given until another day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.models import Assignment, Role, Scope, Source
from portal.core.errors import PortalError, Refused
from portal.identity.imports_csv import Row
from portal.identity.imports_plan import (
    BATCH,
    CHANGE,
    CREATE,
    SAME,
    Folk,
    Node,
    Once,
    Step,
    node_at,
    tree_below,
    words_of,
    wrong,
)
from portal.identity.models import Import
from portal.tenancy.services import Grant, assign_roles, check_grant
from portal.users.actor import Actor
from portal.users.models import User

Held = dict[tuple[Any, Any, Any], datetime | None]


def plan(rows: Sequence[Row], top: Scope, actor: Actor) -> list[Step]:
    """What each row would do."""
    tree, folk, once = tree_below(top, actor), Folk((row["person"] for row in rows), top), Once()
    roles = list(Role.objects.select_related("scope"))
    held = _held([user.pk for user in folk.by_username.values()])
    steps = []
    for row in rows:
        try:
            grant = _grant(row, tree, folk, roles)
            check_grant(grant, actor)
            once.check(grant.key, row)
            steps.append(_step(row, grant, held))
        except PortalError as error:
            subject = _subject(row["person"], row["role"], row["scope"])
            steps.append(wrong(row, subject, words_of(error)))
    return steps


@transaction.atomic
def carry_out(steps: Sequence[Step], cause: Import, *, actor: Actor) -> None:
    """Give them, by the rules of the page that gives one."""
    wanted = [step.facts for step in steps if step.alters]
    users = User.objects.in_bulk({UUID(facts["user"]) for facts in wanted})
    scopes = Scope.objects.in_bulk({UUID(facts["scope"]) for facts in wanted})
    roles = Role.objects.select_related("scope").in_bulk({UUID(facts["role"]) for facts in wanted})
    grants = [
        Grant(
            users[UUID(facts["user"])],
            roles[UUID(facts["role"])],
            scopes[UUID(facts["scope"])],
            datetime.fromisoformat(facts["expires"]) if facts["expires"] else None,
        )
        for facts in wanted
    ]
    assign_roles(grants, actor=actor, cause=cause)


def _grant(row: Row, tree: Node, folk: Folk, roles: Sequence[Role]) -> Grant:
    user = folk.find(row["person"])
    scope = node_at(row["scope"], tree).scope
    if scope is None:
        raise Refused(_("There is no such place."))
    return Grant(user, _role(row["role"], scope, roles), scope, _until(row["until"]))


def _role(key: str, scope: Scope, roles: Sequence[Role]) -> Role:
    """The role of this key that is known at the scope; one made nearer goes before one made higher up, or built in."""
    path = f"{scope.path}."
    known = [role for role in roles if role.scope is None or path.startswith(f"{role.scope.path}.")]
    alike = [role for role in known if role.key == key.lower()]
    if not alike:
        keys = ", ".join(sorted({role.key for role in known}))
        raise Refused(_("There is no role %(key)s here. There are: %(keys)s.") % {"key": key[:60], "keys": keys})
    return max(alike, key=lambda role: len(str(role.scope.path)) if role.scope else 0)


def _until(text: str) -> datetime | None:
    """The last moment of the day, as the page that gives a role has it."""
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    except ValueError as error:
        raise Refused(_("Write the day as 2030-12-31; %(text)s is none.") % {"text": text[:40]}) from error


def _step(row: Row, grant: Grant, held: Held) -> Step:
    expires = grant.expires.isoformat() if grant.expires else ""
    facts = {"user": str(grant.principal.pk), "role": str(grant.role.pk), "scope": str(grant.scope.pk), "expires": expires}
    subject = _subject(row["person"], grant.role.key, row["scope"])
    if grant.key not in held:
        said = _("New role, until %(day)s.") % {"day": row["until"]} if expires else _("New role, without an end.")
        return Step(row.line, CREATE, subject, said, facts)
    before = held[grant.key]
    if before == grant.expires:
        return Step(row.line, SAME, subject, _("Held already."), facts)
    days = {"before": _day(before), "after": _day(grant.expires)}
    said = _("Ends %(after)s instead of %(before)s.") % days
    return Step(row.line, CHANGE, subject, said, {**facts, "before": before.isoformat() if before else ""})


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else _("never")


def _subject(person: str, role: str, scope: str) -> str:
    return f"{person} · {role} · {scope}"


def _held(people: Sequence[UUID]) -> Held:
    """The roles given by hand to these people, with their ends."""
    held: Held = {}
    for start in range(0, len(people), BATCH):
        rows = Assignment.objects.filter(user__in=people[start : start + BATCH], source=Source.MANUAL)
        held |= {(user, role, scope): end for user, role, scope, end in rows.values_list("user", "role", "scope", "expires")}
    return held
