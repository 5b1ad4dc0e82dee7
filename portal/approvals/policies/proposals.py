"""Change policies as people do: propose a version or an end, which another decides on; alone, wait a day in sight of all."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.access.models import Scope, ScopeState
from portal.approvals import services
from portal.approvals.eligibility import accounts_holding
from portal.approvals.kinds import kind_named
from portal.approvals.models import ChangeAct, ChangeState, Policy, PolicyChange, PolicyState, State
from portal.approvals.policies import publishing
from portal.approvals.policies.applying import carry_out
from portal.approvals.policies.checks import check_rule, same_rule
from portal.approvals.policies.publishing import POLICY
from portal.approvals.queries import approval_of
from portal.core import clock
from portal.core.errors import Conflict, Invalid, NotFound, Refused
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User

ALONE = timedelta(hours=24)
"""How long a change by who is alone stands in sight of all who vote or manage policies there."""


@transaction.atomic
def propose_policy(
    scope: Scope,
    name: str,
    *,
    subject_kind: str,
    conditions: list[Any],
    stages: list[Any],
    actor: Actor,
    reason: str = "",
    seen: int | None = None,
    is_first: bool = False,
) -> PolicyChange:
    """Propose the next version of a policy, or a first one. It is in force once another agrees.

    `seen` is the number of the version it was made from: Conflict where another is in force by now. Is it meant to be the first, one of
    this name that is in force is not replaced unseen. Invalid names the row that is wrong.
    """
    scope = _opened(scope, actor)
    content = publishing.content_of(name, subject_kind, conditions, stages)
    check_rule(content, scope)
    before = _in_force(scope, subject_kind, content.name)
    if seen is not None and (before is None or before.version != seen):
        raise Conflict(_("Another version came in force since you began. Look at it, and begin from there."))
    if before is not None and is_first:
        raise Invalid(fields={"name": [_("A policy of this name is in force there. Change that one, or take another name.")]})
    if before is not None and same_rule(before, content):
        raise Invalid(fields={"rule": [_("This is what is in force already.")]})
    change = PolicyChange(
        scope=scope,
        name=content.name,
        subject_kind=subject_kind,
        conditions=content.conditions,
        stages=content.stages,
        replaces=before,
    )
    return _propose(change, reason, actor=actor)


@transaction.atomic
def propose_retirement(policy: Policy, *, actor: Actor, reason: str = "") -> PolicyChange:
    """Propose that no version of it is in force any more. What was asked before keeps it."""
    scope = _opened(policy.scope, actor)
    policy = Policy.objects.get(pk=policy.pk)
    if policy.state != PolicyState.ACTIVE:
        raise Conflict(_("This version is no longer in force."))
    said = {"conditions": policy.conditions, "stages": policy.stages, "replaces": policy}
    change = PolicyChange(scope=scope, name=policy.name, subject_kind=policy.subject_kind, act=ChangeAct.RETIRE, **said)
    return _propose(change, reason, actor=actor)


@transaction.atomic
def put_through(change: PolicyChange, *, actor: Actor) -> PolicyChange:
    """Carry out what nobody else could decide on, a day after all were told. Where somebody could by now, she is asked."""
    require_fresh(actor)
    require(actor, "manage_policies", change)
    change = _locked(change.pk)
    if not change.is_waiting or change.alone_from is None:
        raise Conflict(_("This is not yours to put through: another decides on it, or it is settled."), state=change.state)
    if _ask(change, actor=actor):
        return change
    if clock.now() < change.alone_from:
        raise Conflict(_("It stands in sight of all for a day first."), alone_from=change.alone_from.isoformat())
    kind_named(POLICY).still_valid(change)
    record("approvals.put_through_policy", change, actor=actor, reason=change.reason)
    return carry_out(change, actor=actor)


@transaction.atomic
def withdraw_change(change: PolicyChange, *, actor: Actor, reason: str = "") -> PolicyChange:
    """Take a proposal back: who asked for it; where nobody else could decide on it, anybody who manages policies there."""
    require(actor, "manage_policies", change)
    approval = approval_of(POLICY, change.pk)
    if approval is not None and approval.is_open:
        services.withdraw(approval, actor=actor, reason=reason)
        return _locked(change.pk)
    change = _locked(change.pk)
    if change.state == ChangeState.WITHDRAWN:
        return change
    if not change.is_waiting:
        raise Conflict(_("This was settled already."), state=change.state)
    kind_named(POLICY).drop(change, State.WITHDRAWN, actor=actor)
    record("approvals.withdraw_policy", change, actor=actor, reason=reason)
    notify([change.asked_by], "policy_change_withdrawn", target=change, actor=actor)
    return change


def _propose(change: PolicyChange, reason: str, *, actor: Actor) -> PolicyChange:
    waits = {"scope": change.scope, "subject_kind": change.subject_kind, "name": change.name, "state": ChangeState.WAITING}
    if PolicyChange.objects.filter(**waits).exists():
        raise Conflict(_("A change of this policy waits for a decision already."))
    change.asked_by, change.reason = actor.user, reason.strip()
    change.save(force_insert=True)
    said = {"act": change.act, "conditions": change.conditions, "stages": change.stages}
    record("approvals.propose_policy", change, actor=actor, reason=change.reason, cause=change.replaces or "", **said)
    if not _ask(change, actor=actor):
        change.alone_from = clock.now() + ALONE
        change.save(update_fields=["alone_from"])
        told = {**accounts_holding("vote", change.scope), **accounts_holding("manage_policies", change.scope)}
        people = User.objects.filter(pk__in=set(told.values()))
        notify(people, "policy_alone", target=change, actor=actor, scope=change.scope)
    return change


def _ask(change: PolicyChange, *, actor: Actor) -> bool:
    """Ask those who decide, for who proposed it; False, and nothing is left of it, where nobody could."""
    title = _("Policy “%(name)s”: retire it") if change.retires else _("Policy “%(name)s”: version %(version)s")
    version = change.replaces.version + 1 if change.replaces else 1
    try:
        services.ask(
            POLICY,
            change,
            actor=actor,
            scope=change.scope,
            title=title % {"name": change.name, "version": version},
            beneficiary=change.asked_by if change.asked_by_id != actor.user.pk else None,
        )
    except Refused:
        return False
    if change.alone_from is not None:
        change.alone_from = None
        change.save(update_fields=["alone_from"])
    return True


def _opened(scope: Scope, actor: Actor) -> Scope:
    """The scope, locked: two proposals of one name are one after the other."""
    require_fresh(actor)
    require(actor, "manage_policies", scope)
    found: Scope = Scope.objects.select_for_update(of=("self",)).get(pk=scope.pk)
    if found.state != ScopeState.ACTIVE:
        raise Conflict(_("%(scope)s is closed.") % {"scope": found})
    return found


def _in_force(scope: Scope, subject_kind: str, name: str) -> Policy | None:
    rows = Policy.objects.filter(scope=scope, subject_kind=subject_kind, name=name, state=PolicyState.ACTIVE)
    found: Policy | None = rows.first()
    return found


def _locked(pk: UUID) -> PolicyChange:
    rows = PolicyChange.objects.select_for_update(of=("self",)).select_related("scope", "replaces", "asked_by")
    found: PolicyChange | None = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found
