"""Approval policies: those in force with their versions, what is proposed, and what a rule would ask for."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.guard import require
from portal.access.queries import scope_for
from portal.api.auth import actor_of, live_actor_of
from portal.api.base import View, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import NamedSerializer, PersonSerializer, ReasonSerializer, Shape
from portal.approvals.models import Policy as Row
from portal.approvals.models import PolicyChange
from portal.approvals.policies import proposals, queries
from portal.approvals.policies.checks import check_rule
from portal.approvals.policies.publishing import content_of
from portal.approvals.policies.simulating import Draft, Simulation, approval_to_try, replay, simulate_facts, simulate_past
from portal.approvals.policies.simulation import Simulated
from portal.approvals.policies.wording import names_in, rule_text, said_by
from portal.approvals.routes import Allowed, stage_data
from portal.core.errors import NotFound
from portal.users.actor import Actor


class PolicySerializer(Shape[Any]):
    """One version of one policy. Without stages it allows what fits."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.CharField(source="subject_kind")
    scope = NamedSerializer()
    version = serializers.IntegerField()
    state = serializers.CharField()
    conditions = serializers.ListField(child=serializers.DictField())
    stages = serializers.ListField(child=serializers.DictField())
    starts = serializers.DateTimeField()
    ends = serializers.DateTimeField(allow_null=True)
    made_by = PersonSerializer()


class PolicyWithVersionsSerializer(PolicySerializer):
    """The same in words, with every version of it, the last one first."""

    text = serializers.SerializerMethodField()
    versions = serializers.SerializerMethodField()

    def get_text(self, policy: Any) -> str:
        said = said_by(policy)
        return rule_text(said, names_in([said]))

    def get_versions(self, policy: Any) -> list[dict[str, Any]]:
        return [dict(PolicySerializer(row).data) for row in queries.versions_of(policy)[:200]]


class PolicyChangeSerializer(Shape[Any]):
    """A change that was proposed. It is decided on as an approval; `alone_from` is set where nobody else could decide."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.CharField(source="subject_kind")
    scope = NamedSerializer()
    act = serializers.CharField()
    conditions = serializers.ListField(child=serializers.DictField())
    stages = serializers.ListField(child=serializers.DictField())
    reason = serializers.CharField()
    replaces = serializers.UUIDField(source="replaces_id", allow_null=True)
    made = serializers.UUIDField(source="made_id", allow_null=True)
    asked_by = PersonSerializer()
    state = serializers.CharField()
    alone_from = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)


class RuleSerializer(Shape[Any]):
    """A rule: what it speaks of at which scope, conditions of field, operator and value, and stages."""

    scope = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    kind = serializers.CharField(max_length=40)
    conditions = serializers.ListField(child=serializers.DictField(), max_length=20)
    stages = serializers.ListField(child=serializers.DictField(), max_length=20)


class NewPolicySerializer(RuleSerializer):
    """A version to put in force. `seen` is the number of the version it was made from, refused where another is in force by now."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")
    seen = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)


class TrialSerializer(RuleSerializer):
    """A rule and what to try it on: an `approval` of its kind, or `facts` at a `place` below its scope. `replaces` is the
    version it would stand in for.
    """

    replaces = serializers.UUIDField(required=False, allow_null=True, default=None)
    approval = serializers.UUIDField(required=False, allow_null=True, default=None)
    place = serializers.UUIDField(required=False, allow_null=True, default=None)
    facts = serializers.DictField(required=False, default=dict)


class CheckedSerializer(Shape[Any]):
    """One condition: whether it holds, or null where that cannot be told."""

    field = serializers.CharField(source="condition.field")
    operator = serializers.CharField(source="condition.operator")
    value = serializers.JSONField(source="condition.value")
    fact = serializers.JSONField(allow_null=True)
    holds = serializers.BooleanField(source="answer", allow_null=True)


class TriedSerializer(Shape[Any]):
    """One policy that was tried, or the draft itself, whose `id` is `draft`."""

    id = serializers.CharField(source="rule.id")
    name = serializers.CharField(source="rule.name")
    version = serializers.IntegerField(source="rule.version")
    matches = serializers.BooleanField()
    checks = CheckedSerializer(many=True)


class RouteSerializer(Shape[Any]):
    """Who would decide; `allowed` by `rule` where nobody would have to."""

    allowed = serializers.BooleanField()
    rule = serializers.CharField()
    by_house_rule = serializers.BooleanField()
    stages = serializers.ListField(child=serializers.DictField())


class SimulationSerializer(Shape[Any]):
    """The route with the rule and without it, every policy tried, and what of the last thirty days it would change."""

    route = RouteSerializer()
    today = RouteSerializer()
    is_otherwise = serializers.BooleanField()
    tried = TriedSerializer(many=True)
    looked_at = serializers.IntegerField()
    otherwise = serializers.ListField(child=serializers.UUIDField())


class Policies(View):
    @says_list("policies_list", PolicySerializer)
    def get(self, request: Request) -> Response:
        """The policies in force that the caller may see, the newest first."""
        return listed(request, queries.policies_visible_to(actor_of(request)), PolicySerializer)

    @says("policies_propose", takes=NewPolicySerializer, gives=PolicyChangeSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Propose a version. It is in force once another admin agrees to its approval."""
        actor, sent = live_actor_of(request), read(NewPolicySerializer, request)
        change = proposals.propose_policy(
            scope_for(actor, sent["scope"]),
            sent["name"],
            subject_kind=sent["kind"],
            conditions=sent["conditions"],
            stages=sent["stages"],
            reason=sent["reason"],
            seen=sent["seen"],
            actor=actor,
        )
        return changed(change, request, status=201)


class Policy(View):
    @says("policies_read", gives=PolicyWithVersionsSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One version, in words, with all the others of its policy."""
        return shown(PolicyWithVersionsSerializer, queries.policy_visible_to(actor_of(request), pk), request)


class Retire(View):
    @says("policies_retire", takes=ReasonSerializer, gives=PolicyChangeSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Propose that no version of it is in force any more."""
        actor, sent = live_actor_of(request), read(ReasonSerializer, request)
        found = queries.policy_visible_to(actor, pk)
        return changed(proposals.propose_retirement(found, actor=actor, reason=sent["reason"]), request, status=201)


class Simulate(View):
    @says("policies_simulate", takes=TrialSerializer, gives=SimulationSerializer)
    def post(self, request: Request) -> Response:
        """What a rule would ask for, and why. Nothing is written."""
        actor, sent = actor_of(request), read(TrialSerializer, request)
        scope = scope_for(actor, sent["scope"])
        require(actor, "manage_policies", scope)
        content = content_of(sent["name"], sent["kind"], sent["conditions"], sent["stages"])
        check_rule(content, scope)
        draft = Draft(scope, content, _replaced(sent["replaces"], actor))
        simulation, lately = _simulation(sent, draft, actor), replay(draft, actor=actor)
        found = {
            "route": _route(simulation.then),
            "today": _route(simulation.today),
            "is_otherwise": simulation.is_otherwise,
            "tried": simulation.then.tried,
            "looked_at": lately.looked,
            "otherwise": [each.approval.pk for each in lately.moved],
        }
        return shown(SimulationSerializer, found, request)


class Changes(View):
    @says_list("policy_changes_list", PolicyChangeSerializer)
    def get(self, request: Request) -> Response:
        """What is and was proposed where the caller manages policies, the newest first."""
        return listed(request, queries.changes_visible_to(actor_of(request)), PolicyChangeSerializer)


class Change(View):
    @says("policy_changes_read", gives=PolicyChangeSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of them."""
        return changed(queries.change_visible_to(actor_of(request), pk), request)


class Withdraw(View):
    @says("policy_changes_withdraw", takes=ReasonSerializer, gives=PolicyChangeSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take a proposal back."""
        actor, sent = live_actor_of(request), read(ReasonSerializer, request)
        found = queries.change_visible_to(actor, pk)
        return changed(proposals.withdraw_change(found, actor=actor, reason=sent["reason"]), request)


class PutThrough(View):
    @says("policy_changes_put_through", gives=PolicyChangeSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Carry out what nobody else could decide on, a day after all were told."""
        actor = live_actor_of(request)
        found = queries.change_visible_to(actor, pk)
        return changed(proposals.put_through(found, actor=actor), request)


def changed(change: PolicyChange, request: Request, *, status: int = 200) -> Response:
    """A change as it stands; made just now, it says where it can be read."""
    at = f"/api/policy-changes/{change.pk}/" if status == 201 else ""
    return shown(PolicyChangeSerializer, change, request, status=status, at=at)


def _replaced(pk: uuid.UUID | None, actor: Actor) -> Row | None:
    return queries.policy_visible_to(actor, pk) if pk else None


def _simulation(sent: dict[str, Any], draft: Draft, actor: Actor) -> Simulation:
    if sent["approval"]:
        asked = approval_to_try(actor, draft.content.subject_kind, sent["approval"])
        if asked is None:
            raise NotFound
        return simulate_past(asked, draft)
    place = scope_for(actor, sent["place"]) if sent["place"] else draft.scope
    return simulate_facts(draft.content.subject_kind, place, sent["facts"], draft, actor=actor)


def _route(simulated: Simulated) -> dict[str, Any]:
    answer = simulated.answer
    if isinstance(answer, Allowed):
        return {"allowed": True, "rule": answer.rule, "by_house_rule": False, "stages": []}
    stages = [stage_data(stage) for stage in answer.stages]
    return {"allowed": False, "rule": "", "by_house_rule": simulated.by_house_rule, "stages": stages}
