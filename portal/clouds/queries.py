"""Reads of providers, connections and what they offer, limited to what the actor may see."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from portal.access.models import Scope
from portal.clouds.models import Choice, Connection, ConnectionCheck, ConnectionState, Picture, Provider
from portal.core.errors import NotFound
from portal.core.schema import Schema, properties
from portal.users.actor import Actor

Options = list[tuple[str, str]]


def providers_offered() -> QuerySet[Provider]:
    """What can be connected, by name."""
    return Provider.objects.filter(is_offered=True)


def provider_names() -> Options:
    """(key, name) of every provider, those no longer offered too: connections may stand on them."""
    return list(Provider.objects.order_by("name").values_list("key", "name"))


def choices_of_providers(scope: Scope) -> Options:
    """The same, for a policy of any scope: one list for all."""
    return provider_names()


def provider_named(key: str) -> Provider:
    """One provider that can be connected, or NotFound."""
    found = providers_offered().filter(key=key).first()
    if found is None:
        raise NotFound
    return found


def connections_visible_to(actor: Actor) -> QuerySet[Connection]:
    """The connections she may see, by name."""
    found: QuerySet[Connection] = Connection.objects.visible_to(actor)
    return found.select_related("scope", "provider").order_by("name", "pk")


def connection_visible_to(actor: Actor, pk: uuid.UUID | str) -> Connection:
    """One connection, or NotFound."""
    found = connections_visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def connections_for(project: Scope, capability: str) -> QuerySet[Connection]:
    """The connections that an order of this project may go to: in use, and owned at the project or above it."""
    above = [uuid.UUID(part) for part in project.path.split(".")]
    usable = Connection.objects.filter(scope_id__in=above, state=ConnectionState.READY, rung="publish")
    return (
        usable.filter(provider__capabilities__contains=[capability])
        .select_related("provider", "scope")
        .order_by("name", "pk")
    )


def connections_in_use() -> QuerySet[Connection]:
    """Every connection that is in use, for engines that sync and meter."""
    return Connection.objects.filter(state=ConnectionState.READY).select_related("provider", "scope").order_by("pk")


def last_check(connection: Connection) -> ConnectionCheck | None:
    """The newest run of its checks."""
    return connection.checks.order_by("-created_at", "-pk").first()


def pictures_of(connection: Connection) -> QuerySet[Picture]:
    """How fresh each of its regions is."""
    return Picture.objects.filter(connection=connection).order_by("region")


def with_failing_region(connections: QuerySet[Connection]) -> Any:
    """The same, each with `failing_region`: {region, kind, since} of the one that could not be read for longest, or None."""
    failing = Picture.objects.filter(connection=OuterRef("pk")).exclude(error_kind="").order_by("failing_since", "region")
    facts = JSONObject(region="region", kind="error_kind", since="failing_since")
    return connections.annotate(failing_region=Subquery(failing.values(facts=facts)[:1]))


def choice_counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Region -> kind -> how many may be chosen there now."""
    there = Choice.objects.filter(connection=connection, missing_since=None).order_by()
    counts: dict[str, dict[str, int]] = {}
    for region, kind, number in there.values_list("region", "choice_kind").annotate(Count("pk")):
        counts.setdefault(region, {})[kind] = number
    return counts


def health_counts(actor: Actor) -> dict[str, int]:
    """How many of the connections she may see are well, failing or not known; those disabled are left out."""
    rows = Connection.objects.visible_to(actor).exclude(state=ConnectionState.DISABLED).order_by()
    return dict(rows.values_list("health").annotate(Count("pk")))


def choices_of(connection: Connection, kind: str, region: str = "") -> QuerySet[Choice]:
    """What may be chosen there now, by name."""
    there = Choice.objects.filter(connection=connection, choice_kind=kind, region=region, missing_since=None)
    return there.order_by("name", "key")


def options(connection: Connection, kind: str, region: str = "") -> Options:
    """(key, name) of what may be chosen; for regions the connection's own in its order, and sizes from small to large."""
    found = list(choices_of(connection, kind, "" if kind == "region" else region))
    if kind == "region":
        by_key = {choice.key: choice for choice in found}
        found = [by_key[key] for key in connection.region_keys() if key in by_key]
    if kind == "size":
        found.sort(key=_by_size)
    return [(choice.key, choice.name) for choice in found]


def form_options(schema: Schema, connection: Connection, region: str) -> dict[str, Options]:
    """Field -> options, for every `x-options` of a schema: what core.forms.SchemaForm wants."""
    fields = properties(schema)
    return {name: options(connection, part["x-options"], region) for name, part in fields.items() if "x-options" in part}


def unknown_choices(spec: Mapping[str, Any], schema: Schema, connection: Connection, region: str) -> list[str]:
    """The fields of a spec whose value is not on offer there; an empty value means none was chosen."""
    offered = form_options(schema, connection, region)
    return [name for name, known in offered.items() if spec.get(name) and spec[name] not in dict(known)]


def _by_size(choice: Choice) -> tuple[Any, ...]:
    facts = choice.attributes
    return facts.get("vcpu", 0), facts.get("memory_mib", 0), choice.name
