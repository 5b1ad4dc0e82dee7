"""The catalogue: what can be ordered, the form of each plan, where it may go, and what it costs."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of
from portal.api.base import View, asked_of, listed, read, says, says_list, shown
from portal.api.shapes import NamedSerializer, QuoteSerializer, Shape, as_money, money
from portal.catalogue.models import Plan
from portal.catalogue.queries import current_version, offering_visible_to, offerings_visible_to
from portal.catalogue.schemas import spec_schema
from portal.clouds.queries import connections_for, form_options
from portal.core import clock
from portal.core.errors import NotFound
from portal.orders.drafts import ItemDraft, item_from
from portal.pricing.quotes import quotes_from


class OfferingSerializer(Shape[Any]):
    """Something an organization offers to the projects in it."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    capability = serializers.CharField()
    summary = serializers.CharField()
    state = serializers.CharField()
    organization = serializers.UUIDField(source="scope_id")


class ComponentSerializer(Shape[Any]):
    """What is measured and priced of it."""

    key = serializers.CharField()
    name = serializers.CharField()
    meter = serializers.CharField()
    unit = serializers.CharField()
    quantity = serializers.DictField()
    only_while = serializers.CharField()


class PlanSerializer(Shape[Any]):
    """A choice within the offering; `schema` is the JSON Schema of the answers an order gives."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    name = serializers.CharField()
    summary = serializers.CharField()
    spec = serializers.DictField()
    quotas = serializers.DictField()
    schema = serializers.SerializerMethodField()
    from_per_month = serializers.SerializerMethodField()

    def get_schema(self, plan: Plan) -> dict[str, Any]:
        return spec_schema(plan.version, plan)

    @as_money
    def get_from_per_month(self, plan: Plan) -> dict[str, str] | None:
        quote = self.context["quotes"].get(plan.pk)
        return money(quote.per_month, quote.currency) if quote else None


class VersionSerializer(Shape[Any]):
    """The newest version, with its plans and components."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    published_at = serializers.DateTimeField()
    plans = PlanSerializer(many=True)
    components = ComponentSerializer(many=True)


class OfferingDetailSerializer(OfferingSerializer):
    """The same, with all it takes to order it."""

    description = serializers.CharField()
    version = serializers.SerializerMethodField()

    @extend_schema_field(VersionSerializer(allow_null=True))
    def get_version(self, _offering: Any) -> Any:
        version = self.context["version"]
        return VersionSerializer(version, context=self.context).data if version else None


class TargetSerializer(Shape[Any]):
    """A cloud that an order of the project may go to."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    provider = serializers.CharField(source="provider.key")
    regions = serializers.ListField(child=serializers.CharField(), source="region_keys")


class OptionSerializer(Shape[Any]):
    """One value that a field takes."""

    key = serializers.CharField()
    name = serializers.CharField()


class OptionsSerializer(Shape[Any]):
    """Where it may go and, for the connection and region asked about, what each field takes there as last seen."""

    connections = TargetSerializer(many=True)
    options = serializers.DictField(child=OptionSerializer(many=True))


class OptionsAskSerializer(Shape[Any]):
    """Whose order, and where it should go."""

    project = serializers.UUIDField()
    connection = serializers.UUIDField(required=False)
    region = serializers.CharField(required=False, max_length=64)


class QuoteAskSerializer(Shape[Any]):
    """What a quote is asked for."""

    project = serializers.UUIDField()
    plan = serializers.UUIDField()
    connection = serializers.UUIDField(required=False, allow_null=True, default=None)
    answers = serializers.DictField(default=dict)


class QuotedSerializer(Shape[Any]):
    """The answers with what the plan fixes and the version leaves standing, where it would go, and its price."""

    connection = NamedSerializer()
    region = serializers.CharField()
    spec = serializers.DictField()
    quote = QuoteSerializer()


class Offerings(View):
    @says_list("offerings_list", OfferingSerializer)
    def get(self, request: Request) -> Response:
        """What the caller may order, by name."""
        return listed(request, offerings_visible_to(actor_of(request)), OfferingSerializer, ordering=("name", "id"))


class Offering(View):
    @says("offerings_read", gives=OfferingDetailSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One offering with its newest version: plans, the schema of each, and what it costs at least."""
        found = offering_visible_to(actor_of(request), pk)
        version = current_version(found)
        quotes = quotes_from([version], organization_id=found.scope_id, at=clock.now()) if version else {}
        context = {"version": version, "quotes": quotes}
        return Response(OfferingDetailSerializer(found, context=context).data)


class Options(View):
    @says("offerings_options", gives=OptionsSerializer, asks={"project": uuid.UUID, "connection": uuid.UUID, "region": str})
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Where an order of `project` may go; with `connection` and `region` also what each field takes there."""
        asked = asked_of(OptionsAskSerializer, request)
        offering = offering_visible_to(actor_of(request), pk)
        targets = list(connections_for(scope_for(actor_of(request), asked["project"]), offering.capability))
        chosen = next((target for target in targets if target.pk == asked.get("connection")), None)
        if "connection" in asked and chosen is None:
            raise NotFound
        version = current_version(offering)
        options = form_options(version.schema, chosen, asked.get("region", "")) if version and chosen else {}
        named = {field: [{"key": key, "name": name} for key, name in known] for field, known in options.items()}
        return Response(OptionsSerializer({"connections": targets, "options": named}).data)


class Quotes(View):
    @says("offerings_quote", takes=QuoteAskSerializer, gives=QuotedSerializer)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """What a plan with these answers costs in a project. Nothing is ordered, nothing is held."""
        actor, asked = actor_of(request), read(QuoteAskSerializer, request)
        offering_visible_to(actor, pk)
        draft = ItemDraft(plan_id=asked["plan"], connection_id=asked["connection"], answers=asked["answers"])
        item = item_from(draft, scope_for(actor, asked["project"]), actor=actor, at=clock.now())
        if item.plan.version.offering_id != pk:
            raise NotFound
        return shown(QuotedSerializer, item, request)
