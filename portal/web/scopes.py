"""The tree of organizations, tenants and projects, and one of them: people, quotas, what happened."""

import uuid
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from portal.access.classes import classes_of
from portal.access.guard import holds, permissions_of, scope_ids
from portal.access.models import Scope, ScopeKind, ScopeState
from portal.access.queries import events_visible_to, people_of, scope_for, scopes_with_people
from portal.identity.people import manages_people_in
from portal.tenancy.asking_more import running_at
from portal.tenancy.forms import HandOverForm, QuotaForm, RenameForm, RoleForm, ScopeForm
from portal.tenancy.house_rules import rules_at, words_of
from portal.tenancy.owning import may_hand_over
from portal.tenancy.queries import still_in
from portal.tenancy.quotas import room_in
from portal.tenancy.role_asking import waiting_at
from portal.tenancy.rule_forms import ClassesForm, RuleForm
from portal.tenancy.services import manages
from portal.users.actor import Actor
from portal.web.asking import facts_of_project
from portal.web.effects import Shown
from portal.web.events import page_number
from portal.web.room import dimension_word, quota_bars

ROWS = 50
MOST_NAMED = 5
MORE: list[tuple[Any, str, str]] = [
    (gettext_lazy("Groups"), "scope-groups", "view_scope"),
    (gettext_lazy("Shares"), "scope-shares", "share_resource"),
    (gettext_lazy("Invitations"), "invitations", "manage_members"),
]
MORE_OF_ORGANIZATIONS: list[tuple[Any, str, str]] = [
    (gettext_lazy("Terms of use"), "scope-terms", "manage_terms"),
]
"""What else there is of a scope, on pages of its own: (label, URL name that takes the scope's id, permission)."""


@login_required
def scopes(request: HttpRequest) -> HttpResponse:
    """Every scope she may see, as a tree."""
    page = Paginator(scopes_with_people(request.actor), ROWS).get_page(page_number(request))
    held = permissions_of(request.actor)
    context = {"page": page, "may_import": "manage_members" in held, "sees_leavers": "manage_people" in held}
    return render(request, "access/scopes.html", context)


@login_required
def scope(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One scope: who may do what in it and from where, its quotas, what happened, and what she may change."""
    return show(request, scope_for(request.actor, pk))


def show(
    request: HttpRequest, found: Scope, *, status: int = 200, effect: Shown | None = None, **refused: forms.Form
) -> HttpResponse:
    """The page; `refused` are forms that were sent, by name, shown open with what was typed; `effect` is what giving the
    role in them would do.
    """
    actor: Actor = request.actor
    page = Paginator(people_of(found, to_come=True), ROWS).get_page(page_number(request))
    recent = events_visible_to(actor).filter(scope_path__within=found.path)[:10]
    allowed = forms_for(actor, found)
    left, rooms = still_in(found) if "close" in allowed else [], room_in(found)
    raised = running_at(found) if any(room.has_spans for room in rooms) else []
    context = {
        "scope": found,
        "parent": found.parent if found.parent and holds(actor, "view_scope", found.parent) else None,
        "page": page,
        "recent": recent,
        "forms": {**allowed, **refused},
        "opened": list(refused),
        "effect": effect,
        "bars": quota_bars((room, 0) for room in rooms),
        "raised": [(ask, dimension_word(ask.dimension)) for ask in raised],
        "waiting_roles": waiting_at(found, actor=actor) if "role" in allowed else [],
        "seen": scope_ids(actor, "view_scope"),
        "more": more_of(actor, found),
        "left": left[:MOST_NAMED],
        "left_more": max(0, len(left) - MOST_NAMED),
        "links_people": manages_people_in(found, actor),
        **facts_of_project(found),
        **classes_shown(found, "rule" in allowed),
        "ended": request.session.pop("ended-role", None) if "role" in allowed else None,
    }
    return render(request, "access/scope.html", context, status=status)


def classes_shown(found: Scope, may_remove: bool) -> dict[str, Any]:
    """The environment and data class that hold, from where, and every rule laid down here and above, in words."""
    rules = [(rule, words_of(rule), may_remove and rule.scope_id == found.pk) for rule in rules_at(found)]
    return {"classes": classes_of(found), "rules": rules}


def more_of(actor: Actor, found: Scope) -> list[tuple[Any, str]]:
    """The pages of its own that she may open: (label, address)."""
    places = MORE if found.parent_id else [*MORE, *MORE_OF_ORGANIZATIONS]
    more = [(label, reverse(name, args=[found.pk])) for label, name, permission in places if holds(actor, permission, found)]
    if holds(actor, "manage_service_accounts", found):
        more.append((gettext("Service accounts"), f"{reverse('service-accounts')}?scope={found.pk}"))
    return more


def forms_for(actor: Actor, found: Scope) -> dict[str, forms.Form]:
    """The forms of what she may do here, by name, each with ids of its own. A closed scope has none."""
    if found.state != ScopeState.ACTIVE:
        return {}
    permissions = ("manage_tenants", "manage_projects", "manage_members", "manage_quotas", "manage_policies")
    may = {permission for permission in permissions if holds(actor, permission, found)}
    allowed: dict[str, forms.Form] = {}
    if "manage_tenants" in may and found.scope_kind != ScopeKind.PROJECT:
        allowed["tenant"] = ScopeForm(auto_id="tenant-%s")
    if "manage_projects" in may and found.scope_kind == ScopeKind.TENANT:
        allowed["project"] = ScopeForm(auto_id="project-%s")
    if manages(found) in may:
        allowed["rename"] = RenameForm(auto_id="rename-%s", initial={"name": found.name})
        said = {"environment": found.environment, "data_class": found.data_class}
        allowed["classes"] = ClassesForm(auto_id="classes-%s", initial=said)
        allowed["close"] = forms.Form()
    if may_hand_over(actor, found):
        allowed["owner"] = HandOverForm(auto_id="owner-%s")
    if "manage_members" in may:
        allowed["role"] = RoleForm(found, auto_id="role-%s")
    if "manage_quotas" in may:
        allowed["quota"] = QuotaForm(auto_id="quota-%s")
    if "manage_policies" in may:
        allowed["rule"] = RuleForm(auto_id="rule-%s")
    return allowed
