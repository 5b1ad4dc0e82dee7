"""Ask for a decision, decide, withdraw, and what time and change do to what waits; write the policies."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import require, require_fresh
from portal.access.models import Scope
from portal.approvals import settling
from portal.approvals.checks import (
    check_apart,
    check_asker,
    check_card,
    check_choice,
    check_in_time,
    check_may_decide,
    check_open,
    check_reasons,
    is_said_already,
    seat_for,
)
from portal.approvals.closing import close
from portal.approvals.eligibility import apart_of
from portal.approvals.facts import card_hash as hash_of
from portal.approvals.facts import plain
from portal.approvals.kinds import kind_named, subject_of
from portal.approvals.models import Approval, Choice, Policy, StageState, State
from portal.approvals.policies import publishing
from portal.approvals.returning import send_back
from portal.approvals.revising import answer_of, decide_anew, keep_card, known_of, locked
from portal.approvals.routes import Allowed, Route
from portal.core import clock
from portal.core.models import new_id
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User


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
    context = known_of(kind, subject, scope, actor.user)
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
        policies_at=at,
        execution_due=execution_due,
        key=key or new_id().hex,
    )
    approval.apart = sorted(apart_of(approval))
    answer = answer_of(approval)
    settling.freeze_route(approval, answer)
    if isinstance(answer, Allowed):
        approval.state, approval.settled_at = State.ALLOWED, at
    approval.save(force_insert=True)
    keep_card(approval, answer)
    record("approvals.ask", approval, actor=actor, outcome=approval.state, reason=approval.rule, card=approval.card_hash)
    if isinstance(answer, Route):
        settling.begin(approval, answer.stages, actor=actor, at=at)
    return approval


@transaction.atomic
def vote(approval: Approval, choice: str, card_hash: str, *, actor: Actor, note: str = "") -> Approval:
    """Count one vote on the card that was shown. The last one needed applies what was asked for, once; one that returns
    gives it back to who asked.

    The same vote again changes nothing. Refuses with Forbidden (not hers to decide), Conflict (settled or too late),
    Stale (the facts are not those of the card; `changes` says which), Invalid (no reason where one is asked for), Refused
    (no file where the stage wants one).
    """
    require_fresh(actor)
    at = clock.now()
    approval = locked(approval.pk)
    check_may_decide(approval, actor)
    check_apart(approval, actor)
    if is_said_already(approval, choice, actor):
        return approval
    check_in_time(approval, at)
    check_choice(choice, note)
    kind, subject = subject_of(approval.subject_kind, approval.subject_id)
    facts = plain(kind.facts(subject))
    check_card(approval, card_hash, facts)
    if hash_of(facts) != approval.card_hash:
        decide_anew(approval, subject, facts, actor=actor)
    stages = settling.stages_of(approval)
    seat = seat_for(approval, stages, actor)
    check_reasons(approval, seat.stage, choice, note)
    settling.add_vote(approval, seat.stage, choice, card_hash, actor=actor, note=note.strip(), holder=seat.holder)
    if choice == Choice.RETURN:
        send_back(approval, actor=actor, at=at, note=note.strip())
        return approval
    outcome = settling.tally(approval, stages)
    if outcome.state != "denied":
        settling.follow(approval, outcome, stages, actor=actor, at=at)
    if outcome.state != "waiting":
        close(approval, State(outcome.state), kind, subject, actor=actor, at=at, note=note.strip())
    return approval


@transaction.atomic
def withdraw(approval: Approval, *, actor: Actor, reason: str = "") -> Approval:
    """Take back what she asked for; the kind's `drop` frees what was held. Withdrawn already, nothing changes."""
    approval = locked(approval.pk)
    check_asker(approval, actor, _("Only who asked for it can withdraw it."))
    if approval.state == State.WITHDRAWN:
        return approval
    check_open(approval)
    kind, subject = subject_of(approval.subject_kind, approval.subject_id)
    told = _deciders(approval)
    close(approval, State.WITHDRAWN, kind, subject, actor=actor, at=clock.now(), note=reason)
    notify(told, "approval_withdrawn", target=approval, actor=actor)
    return approval


@transaction.atomic
def facts_changed(kind: str, subject_id: Any, *, actor: Actor) -> Approval | None:
    """The subject is not what it was: what waits is decided anew on the new facts, and votes given are void.

    None where nothing waits for it: what was returned is looked at when it is sent again. Locks the approval: call it
    before locking the subject.
    """
    waiting = Approval.objects.filter(subject_kind=kind, subject_id=str(subject_id), state=State.WAITING)
    found = waiting.values_list("pk", flat=True).first()
    if found is None:
        return None
    approval = locked(found)
    if not approval.is_waiting:
        return None
    _, subject = subject_of(kind, approval.subject_id)
    facts = plain(kind_named(kind).facts(subject))
    if hash_of(facts) != approval.card_hash:
        decide_anew(approval, subject, facts, actor=actor)
    return approval


@transaction.atomic
def publish_policy(
    scope: Scope, name: str, *, subject_kind: str, conditions: list[Any], stages: list[Any], actor: Actor
) -> Policy:
    """Put a rule in force at a scope and below, in place of the version before. No stages: it allows what matches.

    What people change is proposed instead (`proposals`), so that two of them agree.
    """
    require(actor, "manage_policies", scope)
    content = publishing.content_of(name, subject_kind, conditions, stages)
    return publishing.put_in_force(scope, content, made_by=actor.user, actor=actor)


@transaction.atomic
def retire_policy(policy: Policy, *, actor: Actor) -> Policy:
    """End a rule; what was asked before keeps it."""
    require(actor, "manage_policies", policy)
    return publishing.end(policy, actor=actor)


def _asked_before(kind: str, subject: Any, key: str, *, actor: Actor) -> Approval | None:
    asked: Approval | None = Approval.objects.filter(key=key).first() if key else None
    if asked is None:
        asked = Approval.objects.filter(subject_kind=kind, subject_id=str(subject.pk), state=State.RETURNED).first()
    return asked or facts_changed(kind, subject.pk, actor=actor)


def _deciders(approval: Approval) -> list[User]:
    stages = [stage for stage in settling.stages_of(approval) if stage.state == StageState.OPEN]
    people = {person for stage in stages for person in settling.voters_now(approval, stage)}
    return settling.deciders(approval, people)
