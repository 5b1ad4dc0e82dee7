"""Ask for a decision, decide, withdraw, and what time and change do to what waits; write the policies."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.access.models import Scope
from portal.approvals import settling
from portal.approvals.checks import (
    check_apart,
    check_card,
    check_choice,
    check_in_time,
    check_waiting,
    is_overdue,
    is_said_already,
    stage_for,
)
from portal.approvals.eligibility import apart_of, person_of
from portal.approvals.facts import card_hash as hash_of
from portal.approvals.facts import changes, plain
from portal.approvals.kinds import context_of, kind_named, kinds, subject_of
from portal.approvals.models import Approval, FrozenCard, Policy, PolicyState, Stage, StageState, State
from portal.approvals.previews import route_of
from portal.approvals.routes import Allowed, Route, read_conditions, read_stages, stage_data
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.core.models import new_id
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User

VERBS = {State.APPROVED: "approve", State.DENIED: "deny", State.WITHDRAWN: "withdraw", State.EXPIRED: "expire"}


@transaction.atomic
def ask(
    kind: str,
    subject: Any,
    *,
    actor: Actor,
    scope: Scope,
    title: str,
    beneficiary: User | None = None,
    execution_due: datetime | None = None,
    key: str = "",
) -> Approval:
    """Ask whether `subject` may be done. The answer is `allowed` (then the caller does it now) or `waiting`.

    Waiting, the last vote calls the kind's `apply`, and any other end its `drop`. Asked again while it waits, or with
    the same `key`, the same approval comes back. Raises Refused when nobody could ever decide. `title` names no person.
    """
    if asked := _asked_before(kind, subject, key, actor=actor):
        return asked
    at = clock.now()
    facts = plain(kind_named(kind).facts(subject))
    context = _context(kind, subject, scope, actor.user)
    approval = Approval(
        subject_kind=kind,
        subject_id=str(subject.pk),
        scope=scope,
        title=title[:200],
        requester=actor.user,
        beneficiary=beneficiary or actor.acting_for,
        facts=facts,
        context=context,
        risk=context["risk"],
        card_hash=hash_of(facts),
        execution_due=execution_due,
        key=key or new_id().hex,
    )
    approval.apart = sorted(apart_of(approval))
    answer = _route(approval, at)
    settling.freeze_route(approval, answer)
    if isinstance(answer, Allowed):
        approval.state, approval.settled_at = State.ALLOWED, at
    approval.save(force_insert=True)
    _keep_card(approval)
    record("approvals.ask", approval, actor=actor, outcome=approval.state, reason=approval.rule, card=approval.card_hash)
    if isinstance(answer, Route):
        settling.begin(approval, answer.stages, actor=actor, at=at)
    return approval


@transaction.atomic
def vote(approval: Approval, choice: str, card_hash: str, *, actor: Actor, note: str = "") -> Approval:
    """Count one vote on the card that was shown; the last one needed applies what was asked for, once.

    The same vote again changes nothing. Refuses with Forbidden (not hers to decide), Conflict (settled or too late),
    Stale (the facts are not those of the card; `changes` says which), Invalid (a denial without a reason).
    """
    require_fresh(actor)
    at = clock.now()
    approval = _locked(approval.pk)
    require(actor, "vote", approval)
    check_apart(approval, actor)
    if is_said_already(approval, choice, actor):
        return approval
    check_in_time(approval, at)
    check_choice(choice, note)
    kind, subject = subject_of(approval.subject_kind, approval.subject_id)
    facts = plain(kind.facts(subject))
    check_card(approval, card_hash, facts)
    if hash_of(facts) != approval.card_hash:
        _take_facts(approval, facts, actor=actor, at=at)
    stages = settling.stages_of(approval)
    stage = stage_for(approval, stages, actor)
    settling.add_vote(approval, stage, choice, card_hash, actor=actor, note=note.strip())
    outcome = settling.tally(approval, stages)
    if outcome.state != "denied":
        settling.follow(approval, outcome, stages, actor=actor, at=at)
    if outcome.state != "waiting":
        _close(approval, State(outcome.state), kind, subject, actor=actor, at=at, note=note.strip())
    return approval


@transaction.atomic
def withdraw(approval: Approval, *, actor: Actor, reason: str = "") -> Approval:
    """Take back what she asked for; the kind's `drop` frees what was held. Withdrawn already, nothing changes."""
    approval = _locked(approval.pk)
    kind = kind_named(approval.subject_kind)
    if actor.person_id != person_of(approval.requester) and not actor.is_system:
        require(actor, approval.view_permission, approval)
        raise Forbidden(_("Only who asked for it can withdraw it."))
    if kind.permission:
        require(actor, kind.permission, approval)
    elif actor.viewed_as_by or actor.narrowed_to is not None:
        raise Forbidden(_("Only who asked for it can withdraw it."))
    if approval.state == State.WITHDRAWN:
        return approval
    check_waiting(approval)
    kind, subject = subject_of(approval.subject_kind, approval.subject_id)
    told = _deciders(approval)
    _close(approval, State.WITHDRAWN, kind, subject, actor=actor, at=clock.now(), note=reason)
    notify(told, "approval_withdrawn", target=approval, actor=actor)
    return approval


@transaction.atomic
def facts_changed(kind: str, subject_id: Any, *, actor: Actor) -> Approval | None:
    """The subject is not what it was: what waits is decided anew on the new facts, and votes given are void.

    None where nothing waits for it. Locks the approval: call it before locking the subject.
    """
    waiting = Approval.objects.filter(subject_kind=kind, subject_id=str(subject_id), state=State.WAITING)
    found = waiting.values_list("pk", flat=True).first()
    if found is None:
        return None
    approval = _locked(found)
    if not approval.is_waiting:
        return None
    _, subject = subject_of(kind, approval.subject_id)
    facts = plain(kind_named(kind).facts(subject))
    if hash_of(facts) != approval.card_hash:
        _take_facts(approval, facts, actor=actor, at=clock.now())
    return approval


@transaction.atomic
def expire(approval_id: UUID, *, actor: Actor) -> Approval:
    """Do what time asks for: end what was not decided or can no longer be done, or raise an overdue stage above."""
    at = clock.now()
    approval = _locked(approval_id)
    if not approval.is_waiting or not is_overdue(approval, at):
        return approval
    too_late = approval.execution_due is not None and approval.execution_due <= at
    stages = settling.stages_of(approval)
    late = [stage for stage in stages if stage.state == StageState.OPEN and stage.due and stage.due <= at]
    stuck = [stage for stage in late if too_late or not _raise(approval, stage, actor=actor, at=at)]
    if too_late or stuck:
        kind, subject = subject_of(approval.subject_kind, approval.subject_id)
        denies = any(stage.on_timeout == "deny" for stage in stuck) and not too_late
        state = State.DENIED if denies else State.EXPIRED
        _close(approval, state, kind, subject, actor=actor, at=at, note=_("Nobody decided in time."))
        return approval
    due = [stage.due for stage in stages if stage.state == StageState.OPEN and stage.due]
    approval.decision_due = min(due)
    approval.save()
    return approval


@transaction.atomic
def publish_policy(
    scope: Scope, name: str, *, subject_kind: str, conditions: list[Any], stages: list[Any], actor: Actor
) -> Policy:
    """Put a rule in force at a scope and below, in place of the version before. No stages: it allows what matches."""
    require(actor, "manage_policies", scope)
    if subject_kind not in kinds():
        raise Invalid(fields={"subject_kind": [subject_kind]})
    if not name.strip():
        raise Invalid(fields={"name": ["?"]})
    try:
        read_conditions(conditions)
        plans = read_stages(stages)
    except ValueError as error:
        raise Invalid(str(error), fields={"rule": [str(error)]}) from error
    at = clock.now()
    before = _versions(scope, subject_kind, name).first()
    if before and before.state == PolicyState.ACTIVE:
        _retire(before, at)
    policy = Policy.objects.create(
        scope=scope,
        name=name.strip(),
        subject_kind=subject_kind,
        version=before.version + 1 if before else 1,
        conditions=conditions,
        stages=[stage_data(plan) for plan in plans],
        starts=at,
        made_by=actor.user,
    )
    record("approvals.publish_policy", policy, actor=actor, conditions=conditions, stages=policy.stages)
    return policy


@transaction.atomic
def retire_policy(policy: Policy, *, actor: Actor) -> Policy:
    """End a rule; what was asked before keeps it."""
    require(actor, "manage_policies", policy)
    policy = Policy.objects.select_for_update(of=("self",)).select_related("scope").get(pk=policy.pk)
    if policy.state != PolicyState.ACTIVE:
        raise Conflict("This version is no longer in force.")
    _retire(policy, clock.now())
    record("approvals.retire_policy", policy, actor=actor)
    return policy


def _close(approval: Approval, state: State, kind: Any, subject: Any, *, actor: Actor, at: datetime, note: str = "") -> None:
    """End it once: the state, its event, the kind's apply or drop, and word to who asked."""
    if state == State.APPROVED and not kind.still_valid(subject):
        raise Conflict(_("This can no longer be done as it was asked for."))
    settling.settle(approval, state.value, at=at)
    record(f"approvals.{VERBS[state]}", approval, actor=actor, reason=note, card=approval.card_hash)
    if state == State.APPROVED:
        kind.apply(subject, actor=actor)
    else:
        kind.drop(subject, state.value, actor=actor)
    people = [user for user in (approval.requester, approval.beneficiary) if user]
    if state != State.WITHDRAWN:
        notify(people, f"approval_{state.value}", target=approval, actor=actor, note=note)


def _asked_before(kind: str, subject: Any, key: str, *, actor: Actor) -> Approval | None:
    asked: Approval | None = Approval.objects.filter(key=key).first() if key else None
    if asked is not None:
        return asked
    return facts_changed(kind, subject.pk, actor=actor)


def _context(kind: str, subject: Any, scope: Scope, requester: User) -> dict[str, Any]:
    return plain(kind_named(kind).context(subject)) | context_of(kind, scope, requester)


def _route(approval: Approval, at: datetime) -> Route | Allowed:
    return route_of(approval.subject_kind, approval.facts, approval.context, approval.scope, at)


def _take_facts(approval: Approval, facts: dict[str, Any], *, actor: Actor, at: datetime) -> None:
    """Put the new facts in place of the old: votes void, route afresh by the policies of the day it was asked."""
    differences = changes(approval.facts, facts)
    approval.facts, approval.card_hash = facts, hash_of(facts)
    _, subject = subject_of(approval.subject_kind, approval.subject_id)
    approval.context = _context(approval.subject_kind, subject, approval.scope, approval.requester)
    approval.risk = approval.context["risk"]
    approval.revision += 1
    _keep_card(approval)
    answer = _route(approval, approval.created_at)
    told = settling.restart(approval, answer, actor=actor, at=at)
    names = [change.name for change in differences]
    record("approvals.change", approval, actor=actor, card=approval.card_hash, changed=names, void=len(told))
    notify(told, "approval_changed", target=approval, actor=actor)


def _keep_card(approval: Approval) -> None:
    FrozenCard.objects.get_or_create(approval=approval, card_hash=approval.card_hash, defaults={"facts": approval.facts})


def _locked(approval_id: UUID) -> Approval:
    rows = Approval.objects.select_for_update(of=("self",)).select_related("scope", "requester", "beneficiary")
    approval: Approval | None = rows.filter(pk=approval_id).first()
    if approval is None:
        raise NotFound()
    return approval


def _deciders(approval: Approval) -> list[User]:
    stages = [stage for stage in settling.stages_of(approval) if stage.state == StageState.OPEN]
    people = {person for stage in stages for person in settling.voters_now(approval, stage)}
    return list(User.objects.filter(pk__in=people))


def _raise(approval: Approval, stage: Stage, *, actor: Actor, at: datetime) -> bool:
    return stage.on_timeout == "escalate" and settling.raise_stage(approval, stage, actor=actor, at=at)


def _versions(scope: Scope, subject_kind: str, name: str) -> QuerySet[Policy]:
    rows = Policy.objects.filter(scope=scope, subject_kind=subject_kind, name=name.strip())
    found: QuerySet[Policy] = rows.select_for_update().order_by("-version")
    return found


def _retire(policy: Policy, at: datetime) -> None:
    policy.state, policy.ends = PolicyState.RETIRED, at
    policy.save()
