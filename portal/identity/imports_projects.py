"""Rows of projects: made with the tenants on their path, or said otherwise."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.access.classes import check_classes
from portal.access.guard import permissions_at
from portal.access.models import DEEPEST, Scope, ScopeKind
from portal.core.errors import PortalError, Refused
from portal.identity.imports_csv import Row
from portal.identity.imports_plan import (
    CHANGE,
    CREATE,
    SAME,
    Folk,
    Node,
    Once,
    Step,
    names_of,
    node_below,
    tree_below,
    words_of,
    wrong,
)
from portal.identity.models import Import
from portal.tenancy.services import change_project, clean_name, create_project, create_tenant, slug_of
from portal.users.actor import Actor
from portal.users.models import User

LONGEST = {"cost_centre": 40, "environment": 20, "data_class": 20}
DEEPEST_TENANT = DEEPEST - 2


def plan(rows: Sequence[Row], top: Scope, actor: Actor) -> list[Step]:
    """What each row would do."""
    tree, folk, once = tree_below(top, actor), Folk((row["owner"] for row in rows), top), Once()
    steps = []
    for row in rows:
        try:
            steps.append(_step(row, tree, folk, once, actor))
        except PortalError as error:
            steps.append(wrong(row, row["path"], words_of(error)))
    return steps


@transaction.atomic
def carry_out(steps: Sequence[Step], cause: Import, *, actor: Actor) -> None:
    """Make and change them, by the services that the pages use."""
    tree = tree_below(cause.scope, actor)
    owners = User.objects.in_bulk([step.facts["owner"] for step in steps if step.facts.get("owner")], field_name="pk")
    by_id = {str(pk): user for pk, user in owners.items()}
    for step in steps:
        said = {name: step.facts[name] for name in LONGEST if name in step.facts}
        if step.outcome == CREATE:
            *above, name = step.facts["names"]
            tenant = _tenant(tree, above, cause, actor)
            create_project(tenant, name, owner=by_id.get(step.facts["owner"]), actor=actor, cause=cause, **said)
        elif step.outcome == CHANGE:
            found = node_below(step.facts["names"], tree).scope
            if found is not None:
                change_project(found, actor=actor, cause=cause, **said)


def _tenant(tree: Node, names: Sequence[str], cause: Import, actor: Actor) -> Scope:
    """The tenant of a path, made where it is missing."""
    node, scope = tree, cause.scope
    for name in names:
        below = node.below.get(slug_of(name))
        if below is None:
            below = node.add(name, ScopeKind.TENANT)
            below.scope = create_tenant(scope, name, actor=actor, cause=cause)
        node, scope = below, below.scope or scope
    return scope


def _step(row: Row, tree: Node, folk: Folk, once: Once, actor: Actor) -> Step:
    said = _said(row)
    names = names_of(row["path"], tree)
    if not names:
        raise Refused(_("A project lives in a tenant: write “Tenant / Project”."))
    names = [clean_name(name) for name in names]
    node, new = tree, []
    for name in names[:-1]:
        below = node.below.get(slug_of(name))
        if below is None:
            below = _new_tenant(node, name, actor)
            new.append(name)
        node = below
    subject = " / ".join(names)
    owner = folk.find(row["owner"]) if row["owner"] else None
    there = node.below.get(slug_of(names[-1]))
    if there is None or there.scope is None:
        return _create(row, node, there, once, actor, new, subject, {"names": names, "owner": owner, **said})
    once.check(there.path, row)
    return _change(row, there, owner, subject, {"names": names, **said}, actor)


def _said(row: Row) -> dict[str, str]:
    said = {name: row[name] for name in LONGEST if row[name]}
    for name, value in said.items():
        if len(value) > LONGEST[name]:
            raise Refused(_("%(name)s has at most %(most)s characters.") % {"name": name, "most": LONGEST[name]})
    check_classes(said.get("environment", ""), said.get("data_class", ""))
    return said


def _new_tenant(node: Node, name: str, actor: Actor) -> Node:
    _check_holds(node)
    if node.depth >= DEEPEST_TENANT:
        raise Refused(_("Tenants nest five levels deep."))
    _check_may("manage_tenants", node, actor)
    return node.add(name, ScopeKind.TENANT)


def _create(
    row: Row, node: Node, there: Node | None, once: Once, actor: Actor, new: list[str], subject: str, facts: dict[str, Any]
) -> Step:
    _check_holds(node)
    if node.kind != ScopeKind.TENANT:
        raise Refused(_("A project lives in a tenant: write “Tenant / Project”."))
    _check_may("manage_projects", node, actor)
    made = there or node.add(facts["names"][-1], ScopeKind.PROJECT)
    if made.kind != ScopeKind.PROJECT:
        raise Refused(_("An earlier line makes a tenant of this name."))
    once.check(id(made), row)
    facts["owner"] = str(facts["owner"].pk) if facts["owner"] else ""
    text = _("New project.")
    if new:
        more = ngettext(
            "New project, with the new tenant %(names)s.", "New project, with the new tenants %(names)s.", len(new)
        )
        text = more % {"names": ", ".join(new)}
    return Step(row.line, CREATE, subject, text, facts)


def _change(row: Row, there: Node, owner: User | None, subject: str, facts: dict[str, Any], actor: Actor) -> Step:
    scope = there.scope
    if scope is None or there.kind != ScopeKind.PROJECT:
        raise Refused(_("There is a tenant of this name."))
    if not there.is_open:
        raise Refused(_("%(scope)s is closed.") % {"scope": there.name})
    if owner is not None and owner.pk != scope.owner_id:
        raise Refused(_("It is there already, and an import changes no owner."))
    before = {name: getattr(scope, name) for name in LONGEST if name in facts and facts[name] != getattr(scope, name)}
    if not before:
        return Step(row.line, SAME, subject, _("There already."), facts)
    _check_may("manage_projects", there, actor)
    parts = [f"{name}: {value or '–'} → {facts[name]}" for name, value in before.items()]
    return Step(row.line, CHANGE, subject, "; ".join(parts), {**facts, "before": before})


def _check_holds(node: Node) -> None:
    if node.kind == ScopeKind.PROJECT:
        raise Refused(_("%(scope)s is a project and holds nothing.") % {"scope": node.name})
    if not node.is_open:
        raise Refused(_("%(scope)s is closed.") % {"scope": node.name})


def _check_may(permission: str, node: Node, actor: Actor) -> None:
    if not actor.is_system and permission not in permissions_at(actor, node.path):
        raise Refused(_("This takes the permission %(name)s at %(scope)s.") % {"name": permission, "scope": node.name})
