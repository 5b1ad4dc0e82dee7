"""What it costs: the month, budgets, exports, and metering up to now."""

import uuid
from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.queries import scope_for
from portal.api.auth import actor_of
from portal.api.base import View, asked_of, listed, read, says, says_list, shown
from portal.api.idempotency import idempotent
from portal.api.shapes import Exact, MoneyField, NamedSerializer, PersonSerializer, Shape, money
from portal.core import clock
from portal.metering import queries, services
from portal.metering.calendars import PERIOD, period_at
from portal.metering.models import Budget as BudgetRow
from portal.metering.models import ExportFormat

TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class CostRowSerializer(Shape[Any]):
    """What one tenant spent on one service in one cloud in the month, exactly."""

    tenant = serializers.SerializerMethodField()
    service = serializers.SerializerMethodField()
    cloud = serializers.SerializerMethodField()
    cost = MoneyField("cost")

    @extend_schema_field(NamedSerializer)
    def get_tenant(self, row: Any) -> Any:
        return {"id": str(row.tenant_id), "name": row.tenant}

    @extend_schema_field(NamedSerializer)
    def get_service(self, row: Any) -> Any:
        return {"id": str(row.offering_id), "name": row.service}

    @extend_schema_field(NamedSerializer)
    def get_cloud(self, row: Any) -> Any:
        return {"id": str(row.connection_id), "name": row.cloud}


class TotalSerializer(Shape[Any]):
    """The sum in one currency."""

    amount = serializers.CharField()
    currency = serializers.CharField()


class UnpricedSerializer(Shape[Any]):
    """Use that found no price: not free, charged once finance sets one."""

    offering = serializers.CharField()
    plan = serializers.CharField()
    component = serializers.CharField()
    quantity = Exact()
    unit = serializers.CharField()
    since = serializers.DateField()


class CompletenessSerializer(Shape[Any]):
    """How many hours resources were there, and for how many of them somebody saw it."""

    hours_alive = Exact()
    hours_seen = Exact()
    percent = serializers.DecimalField(max_digits=4, decimal_places=1, allow_null=True)


class CostSerializer(Shape[Any]):
    """A month by tenant, service and cloud, the dearest first. `metered_until` is up to when it is whole."""

    period = serializers.CharField()
    metered_until = serializers.DateTimeField(allow_null=True)
    totals = TotalSerializer(many=True)
    rows = CostRowSerializer(many=True)
    completeness = CompletenessSerializer()
    unpriced = UnpricedSerializer(many=True)


class PeriodSerializer(Shape[Any]):
    """A month, for example 2026-06; the current one unless named."""

    period = serializers.RegexField(PERIOD.pattern + r"\Z", required=False)


class BudgetSerializer(Shape[Any]):
    """What a scope and all below it may cost in a month."""

    scope = NamedSerializer()
    amount = MoneyField("amount")
    thresholds = serializers.ListField(child=serializers.IntegerField(), help_text="Percentages that are worth a word.")


class NewBudgetSerializer(Shape[Any]):
    """An amount in the organization's currency."""

    amount = serializers.DecimalField(max_digits=19, decimal_places=4)
    thresholds = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=1000), required=False, max_length=10
    )


class ExportSerializer(Shape[Any]):
    """A month of an organization's charges as a FOCUS file; `manifest` holds its checksums and its sum."""

    id = serializers.UUIDField()
    organization = NamedSerializer()
    period = serializers.CharField()
    format = serializers.CharField()
    state = serializers.CharField()
    file_name = serializers.CharField()
    sha256 = serializers.CharField(source="blob")
    manifest = serializers.DictField()
    error = serializers.CharField()
    asked_by = PersonSerializer()
    created_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)


class NewExportSerializer(Shape[Any]):
    """Whose charges, of which month."""

    organization = serializers.UUIDField()
    period = serializers.CharField(max_length=7)
    format = serializers.ChoiceField(choices=ExportFormat.choices, default=ExportFormat.PARQUET)


class Cost(View):
    @says("cost_read", gives=CostSerializer, asks={"period": str})
    def get(self, request: Request) -> Response:
        """A month, as far as the caller may see cost."""
        actor, asked = actor_of(request), asked_of(PeriodSerializer, request)
        period = asked.get("period") or period_at(clock.now(), "UTC")
        lines = queries.month_lines(actor, period)
        rows = queries.by_tenant(lines)
        found = {
            "period": period,
            "metered_until": queries.metered_until(),
            "totals": [money(amount, currency) for currency, amount in sorted(queries.totals(rows).items())],
            "rows": rows,
            "completeness": queries.completeness(actor, period),
            "unpriced": queries.lacking_a_price(lines),
        }
        return shown(CostSerializer, found, request)


class Budgets(View):
    @says_list("budgets_list", BudgetSerializer)
    def get(self, request: Request) -> Response:
        """The budgets of the scopes whose cost the caller may see."""
        return listed(request, queries.budgets_visible_to(actor_of(request)), BudgetSerializer, ordering=("id",))


class Budget(View):
    @says("budgets_set", takes=NewBudgetSerializer, gives=BudgetSerializer)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        """Set what the scope and all below it may cost in a month. The same again changes nothing."""
        actor, sent = actor_of(request), read(NewBudgetSerializer, request)
        scope = scope_for(actor, pk)
        budget: BudgetRow = services.set_budget(scope, sent["amount"], actor=actor, thresholds=sent.get("thresholds"))
        return shown(BudgetSerializer, budget, request)


class Exports(View):
    @says_list("exports_list", ExportSerializer)
    def get(self, request: Request) -> Response:
        """The exports of the organizations whose cost the caller may export, newest first."""
        return listed(request, queries.exports_visible_to(actor_of(request)), ExportSerializer)

    @says("exports_create", takes=NewExportSerializer, gives=ExportSerializer, status=201, keyed=True)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Ask for a file; a worker writes it."""
        actor, sent = actor_of(request), read(NewExportSerializer, request)
        organization = scope_for(actor, sent.pop("organization"))
        made = services.request_export(organization, sent["period"], actor=actor, format=sent["format"])
        return shown(ExportSerializer, made, request, status=201, at=f"{request.path}{made.pk}/")


class Export(View):
    @says("exports_read", gives=ExportSerializer)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One export; `state` says whether its file is ready."""
        return shown(ExportSerializer, queries.export_visible_to(actor_of(request), pk), request)


class Download(View):
    @says("exports_download", gives={(200, kind): OpenApiTypes.BINARY for kind in TYPES.values()})
    def get(self, request: Request, pk: uuid.UUID) -> FileResponse:
        """Its file. Every download is an event."""
        actor = actor_of(request)
        export = queries.export_visible_to(actor, pk)
        path = services.open_export(export, actor=actor)
        kind = TYPES[export.format]
        return FileResponse(path.open("rb"), as_attachment=True, filename=export.file_name, content_type=kind)


class MeterNow(View):
    @says("meter_now", status=202)
    def post(self, request: Request) -> Response:
        """Meter up to this moment, soon, in a worker. Asking twice is harmless."""
        services.meter_now(actor=actor_of(request))
        return Response(status=202)
