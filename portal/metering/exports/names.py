"""Names for the ids in the lake, as they are now: charges keep ids, so that renaming a thing changes no charge."""

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from portal.access.models import Scope
from portal.catalogue.models import Component, Offering, Plan
from portal.metering.engine import Connection, offer, rows_of
from portal.metering.exports.columns import OTHER_SERVICE, SERVICES
from portal.metering.lifelines import connections_named, resources_named
from portal.pricing.models import PriceBook

Rows = list[tuple[Any, ...]]


def give_names(connection: Connection, organization: Scope) -> None:
    """Tables of names for what the view `charges` holds of one organization."""
    _offer(connection, "accounts", ("id", "name"), [(str(organization.pk), organization.name)])
    _offer(
        connection, "projects", ("id", "name", "tenant", "tags"), _projects(_ids(connection, organization, "SubAccountId"))
    )
    _offer(connection, "offerings", OFFERING, _offerings(_ids(connection, organization, "x_OfferingId")))
    _offer(connection, "components", ("id", "name"), _plain(Component, _ids(connection, organization, "SkuId")))
    _offer(connection, "plans", ("id", "name"), _plain(Plan, _ids(connection, organization, "x_PlanId")))
    _offer(connection, "books", ("id", "name"), _plain(PriceBook, _ids(connection, organization, "x_PriceBookId")))
    connections = connections_named(_ids(connection, organization, "x_ConnectionId"))
    _offer(connection, "connections", ("id", "name", "provider"), connections)
    _offer(connection, "resources", ("id", "name", "region"), resources_named(_ids(connection, organization, "ResourceId")))


OFFERING = ("id", "name", "category", "subcategory", "resource_type")


def _ids(connection: Connection, organization: Scope, column: str) -> list[uuid.UUID]:
    query = f'SELECT DISTINCT "{column}" FROM charges WHERE BillingAccountId = $id AND "{column}" IS NOT NULL'  # noqa: S608
    return [uuid.UUID(row[0]) for row in rows_of(connection, query, {"id": str(organization.pk)})]


def _offer(connection: Connection, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    offer(connection, name, dict.fromkeys(columns, "VARCHAR"), list(rows))


def _plain(model: Any, ids: list[uuid.UUID]) -> Rows:
    return [(str(pk), name) for pk, name in model.objects.filter(pk__in=ids).values_list("pk", "name")]


def _offerings(ids: list[uuid.UUID]) -> Rows:
    found = Offering.objects.filter(pk__in=ids).values_list("pk", "name", "capability")
    return [(str(pk), name, *SERVICES.get(capability, OTHER_SERVICE)) for pk, name, capability in found]


def _projects(ids: list[uuid.UUID]) -> Rows:
    found = Scope.objects.filter(pk__in=ids).select_related("parent")
    return [(str(each.pk), each.name, each.parent.name if each.parent else None, _tags(each)) for each in found]


def _tags(project: Scope) -> str:
    """What the project says of itself, as the flat object that FOCUS wants."""
    said = {"cost_centre": project.cost_centre, "data_class": project.data_class, "environment": project.environment}
    return json.dumps({name: value for name, value in said.items() if value}, ensure_ascii=False, sort_keys=True)
