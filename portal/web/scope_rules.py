"""On the page of a scope: what it is for, whom its data is for, and the rules that follow from that."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.access.guard import require
from portal.access.models import Scope
from portal.access.queries import scope_for
from portal.tenancy import rules
from portal.tenancy.house_rules import rule_visible_to
from portal.tenancy.rule_forms import ClassesForm, RuleForm
from portal.tenancy.services import manages
from portal.users.actor import Actor
from portal.web.live import privileged
from portal.web.scope_acts import act


@login_required
@require_POST
@privileged
def classify(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Say what it is for."""

    def say(found: Scope, given: dict[str, Any], actor: Actor) -> None:
        rules.classify_scope(found, actor=actor, **given)
        messages.success(request, _("It is said. What is ordered from now on is judged by it."))

    permission = manages(scope_for(request.actor, pk))
    return act(request, pk, "classes", permission, ClassesForm(request.POST, auto_id="classes-%s"), say)


@login_required
@require_POST
@privileged
def set_rule(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Lay down a rule, or say one otherwise."""

    def lay_down(found: Scope, given: dict[str, Any], actor: Actor) -> None:
        rules.set_rule(found, actor=actor, **given)
        messages.success(request, _("The rule holds from now on. What is there stays where it is."))

    return act(request, pk, "rule", "manage_policies", RuleForm(request.POST, auto_id="rule-%s"), lay_down)


@login_required
@require_POST
@privileged
def remove_rule(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let one go; removed already, there is nothing to do."""
    rule = rule_visible_to(request.actor, pk)
    require(request.actor, "manage_policies", rule)
    rules.remove_rule(rule, actor=request.actor)
    messages.info(request, _("The rule is removed."))
    return redirect("scope", rule.scope_id)
