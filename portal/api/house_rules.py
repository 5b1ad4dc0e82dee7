"""What a scope is for and whom its data is for, and the rules of the house that follow."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.models import DataClass, Environment
from portal.access.queries import scope_for
from portal.api.auth import actor_of
from portal.api.base import View, read, says, shown
from portal.api.scopes import ScopeDetailSerializer
from portal.api.shapes import NamedSerializer, Shape
from portal.tenancy import rules
from portal.tenancy.house_rules import rule_visible_to, rules_at, words_of
from portal.tenancy.models import HouseRule


class ClassesSerializer(Shape[Any]):
    """Empty takes what holds above."""

    environment = serializers.ChoiceField(Environment.choices, allow_blank=True)
    data_class = serializers.ChoiceField(DataClass.choices, allow_blank=True)


class RuleSerializer(Shape[Any]):
    """At a scope and below, where what is of a class lies, and whether it is encrypted."""

    id = serializers.UUIDField()
    scope = NamedSerializer()
    environment = serializers.CharField()
    data_class = serializers.CharField()
    regions = serializers.ListField(child=serializers.CharField())
    encrypted = serializers.BooleanField()
    words = serializers.SerializerMethodField()

    def get_words(self, rule: HouseRule) -> str:
        return words_of(rule)


class NewRuleSerializer(Shape[Any]):
    """About a data class, an environment, or both; a region may end in `*`, and none means any."""

    environment = serializers.ChoiceField(Environment.choices, required=False, allow_blank=True, default="")
    data_class = serializers.ChoiceField(DataClass.choices, required=False, allow_blank=True, default="")
    regions = serializers.ListField(child=serializers.CharField(max_length=64), required=False, default=list, max_length=50)
    encrypted = serializers.BooleanField(required=False, default=False)


class Classes(View):
    @says("scopes_classify", takes=ClassesSerializer, gives=ScopeDetailSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Say what a scope is for and whom its data is for."""
        actor = actor_of(request)
        found, sent = scope_for(actor, pk), read(ClassesSerializer, request)
        return shown(ScopeDetailSerializer, rules.classify_scope(found, actor=actor, **sent), request)


class Rules(View):
    @says("rules_list", gives=RuleSerializer(many=True))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Every rule laid down at a scope or above it, root first."""
        return Response(RuleSerializer(rules_at(scope_for(actor_of(request), pk)), many=True).data)

    @says("rules_set", takes=NewRuleSerializer, gives=RuleSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Lay down a rule, in place of what was said of the class at this scope."""
        actor = actor_of(request)
        found, sent = scope_for(actor, pk), read(NewRuleSerializer, request)
        return shown(RuleSerializer, rules.set_rule(found, actor=actor, **sent), request)


class Rule(View):
    @says("rules_remove", status=204)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        """Let a rule go."""
        actor = actor_of(request)
        rules.remove_rule(rule_visible_to(actor, pk), actor=actor)
        return Response(status=204)
