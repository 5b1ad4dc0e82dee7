"""How an approval moves: it begins with a route, its stages open one after the other, the last vote settles it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from portal.access.models import Scope
from portal.approvals.calendars import work_of
from portal.approvals.eligibility import apart_of, bench_of, can_be_filled, people_for, plan_of, raised, scope_at
from portal.approvals.hours import due_after
from portal.approvals.models import Approval, Choice, Stage, StageState, Vote
from portal.approvals.routes import Allowed, Route, StagePlan, read_stages, stage_data, who_data
from portal.approvals.standing_in import stand_ins
from portal.approvals.tally import Ballot, Outcome, count
from portal.core.errors import Refused
from portal.events.services import record
from portal.notices.services import notify
from portal.users.actor import Actor
from portal.users.models import User

REMIND_AT = 0.75  # of a stage's time is gone


def freeze_route(approval: Approval, answer: Route | Allowed) -> None:
    """Write the policies that had their say, and the stages they ask for, into the approval."""
    approval.policies = [asdict(policy) for policy in answer.policies]
    if isinstance(answer, Allowed):
        approval.rule = answer.rule[:200]
    else:
        approval.route = [stage_data(stage) for stage in answer.stages]


def begin(approval: Approval, stages: Sequence[StagePlan], *, actor: Actor, at: datetime) -> list[Stage]:
    """Lay out the stages and open the first. Where nobody could decide one, it goes to the admins above, and says so."""
    rows = [staffed(approval, plan) for plan in stages]
    Stage.objects.bulk_create(rows)
    follow(approval, count([bench_of(row, approval) for row in rows], []), rows, actor=actor, at=at)
    return rows


def staffed(approval: Approval, plan: StagePlan) -> Stage:
    """A stage of the route with who decides it, not saved. Where nobody there could, the admins above; Refused where none."""
    place = scope_at(plan.who.at, approval.scope)
    before: dict[str, Any] | None = None
    if not can_be_filled(plan, people_for(plan.who, place, approval)):
        before = who_data(plan.who)
        plan, place = _above(approval, plan)
    names = ("position", "mode", "needed", "again", "due_hours", "on_timeout", "justification", "evidence")
    return Stage(
        approval=approval,
        who=who_data(plan.who),
        place=place,
        raised_from=before,
        **{name: getattr(plan, name) for name in names},
    )


def add_vote(
    approval: Approval, stage: Stage, choice: str, card_hash: str, *, actor: Actor, note: str, holder: Any = None
) -> Vote:
    """Write down what she said about the card she saw, and its event; `holder` is whose seat it was, where not her own."""
    seat = holder or actor.person_id
    cast = Vote.objects.create(
        approval=approval,
        stage=stage,
        person_id=actor.person_id,
        seat_id=seat,
        cast_by=actor.user,
        choice=choice,
        note=note,
        card_hash=card_hash,
    )
    record("approvals.vote", approval, actor=actor, choice=choice, card=card_hash, stage=stage.pk, note=note, seat=seat)
    return cast


def tally(approval: Approval, stages: Iterable[Stage]) -> Outcome:
    """Count the live votes of those who are eligible at this moment."""
    live = [stage for stage in stages if stage.state != StageState.CLOSED]
    apart = apart_of(approval)
    votes = Vote.objects.filter(approval=approval, void=False, person__is_active=True).exclude(person__in=apart)
    ballots = [ballot_of(vote) for vote in votes]
    return count([bench_of(stage, approval) for stage in live], ballots)


def ballot_of(vote: Vote) -> Ballot:
    """The vote as the pure core counts it."""
    return Ballot(str(vote.stage_id), str(vote.person_id), vote.choice == Choice.APPROVE, str(vote.seat_id))


def follow(approval: Approval, outcome: Outcome, stages: Iterable[Stage], *, actor: Actor, at: datetime) -> None:
    """Bring stage rows in line with the count: open what begins (and tell those who decide it), mark what is done."""
    for stage in stages:
        if stage.state == StageState.CLOSED:
            continue
        before, stage.state = stage.state, _state_in(outcome, stage)
        stage.ended_at = at if stage.state == StageState.DONE and before != StageState.DONE else stage.ended_at
        if stage.state == StageState.OPEN and before != StageState.OPEN:
            _open(approval, stage, actor=actor, at=at)
        elif stage.state != before:
            stage.save()
    due = [stage.due for stage in stages if stage.state == StageState.OPEN and stage.due]
    approval.decision_due = min(due, default=approval.decision_due)
    approval.save()


def raise_stage(approval: Approval, stage: Stage, *, actor: Actor, at: datetime) -> bool:
    """Hand an open stage to the admins above; False where nobody there can decide. Votes given so far fall away."""
    higher = raised(plan_of(stage), approval)
    if higher is None:
        return False
    void_votes(approval, stage=stage)
    stage.raised_from, stage.who, stage.place = stage.who, who_data(higher.who), scope_at(higher.who.at, approval.scope)
    stage.mode, stage.needed = higher.mode, higher.needed
    _open(approval, stage, actor=actor, at=at)
    record("approvals.escalate", approval, actor=actor, stage=stage.pk, asked=stage.who, instead_of=stage.raised_from)
    return True


def void_votes(approval: Approval, stage: Stage | None = None) -> list[User]:
    """Set live votes aside, of one stage or of all; returns whose they were. The rows stay."""
    live = Vote.objects.filter(approval=approval, void=False).select_related("person")
    live = live.filter(stage=stage) if stage else live
    people = [vote.person for vote in live]
    live.update(void=True)
    return people


def restart(approval: Approval, answer: Route | Allowed, *, actor: Actor, at: datetime) -> list[User]:
    """Decide anew, after the facts changed: all votes are void; returns whose they were.

    The route follows the new facts, except that a change never turns a question into a permission.
    """
    people = void_votes(approval)
    end_stages(approval, at=at)
    if isinstance(answer, Route):
        freeze_route(approval, answer)
    begin(approval, read_stages(approval.route), actor=actor, at=at)
    return people


def end_stages(approval: Approval, *, at: datetime) -> None:
    """Close every stage that still counts; what was said in it stays to be read."""
    Stage.objects.filter(approval=approval, ended_at=None).exclude(state=StageState.CLOSED).update(ended_at=at)
    Stage.objects.filter(approval=approval).update(state=StageState.CLOSED)


def stages_of(approval: Approval) -> list[Stage]:
    """The stages that still count, in order."""
    rows = Stage.objects.filter(approval=approval).exclude(state=StageState.CLOSED).select_related("place")
    return list(rows)


def settle(approval: Approval, state: str, *, at: datetime) -> None:
    """Give the approval its last state; stages that nobody decided are closed."""
    approval.state, approval.settled_at = state, at
    approval.save()
    undecided = Stage.objects.filter(approval=approval, state__in=(StageState.OPEN, StageState.LATER))
    undecided.update(state=StageState.CLOSED, ended_at=at)


def _above(approval: Approval, plan: StagePlan) -> tuple[StagePlan, Scope | None]:
    higher = raised(plan, approval)
    if higher is None:
        raise Refused(
            _("Nobody can decide on this: no one else in %(scope)s or above it may. Ask an admin to give someone a role.")
            % {"scope": approval.scope}
        )
    return higher, scope_at(higher.who.at, approval.scope)


def _open(approval: Approval, stage: Stage, *, actor: Actor, at: datetime) -> None:
    """Start a stage's clock and tell who decides it; where all of them have had their vote before, raise it."""
    people = voters_now(approval, stage)
    if not can_be_filled(plan_of(stage), people) and raise_stage(approval, stage, actor=actor, at=at):
        return
    work = work_of(approval.scope)
    stage.state, stage.opened_at, stage.due = StageState.OPEN, at, due_after(at, stage.due_hours, work)
    stage.remind_at, stage.left = due_after(at, stage.due_hours * REMIND_AT, work), None
    stage.save()
    notify(deciders(approval, people), "vote_needed", target=approval, actor=actor, scope=approval.scope)


def voters_now(approval: Approval, stage: Stage) -> frozenset[UUID]:
    """The people whose vote in this stage would count at this moment."""
    voted = set() if stage.again else _heard(approval)
    return frozenset(UUID(person) for person in bench_of(stage, approval).eligible) - voted


def deciders(approval: Approval, people: Iterable[UUID]) -> list[User]:
    """These people, and who stands in for them now."""
    ids = list(people)
    away = [each.person for each in stand_ins(approval, ids)]
    return [*User.objects.filter(pk__in=ids), *away]


def _heard(approval: Approval) -> set[UUID]:
    """Who had a say that counts, and on whose seat."""
    rows = Vote.objects.filter(approval=approval, void=False).values_list("person", "seat")
    return {name for row in rows for name in row}


def _state_in(outcome: Outcome, stage: Stage) -> str:
    if str(stage.pk) in outcome.done:
        return StageState.DONE
    return StageState.OPEN if str(stage.pk) in outcome.open else StageState.LATER
