"""The order form as one thing: what may be chosen, what is chosen now, and the two Django forms that hold the answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.access.models import Scope
from portal.access.queries import projects_where
from portal.catalogue.models import OfferingVersion, Plan
from portal.catalogue.schemas import spec_schema
from portal.clouds.labels import translated
from portal.clouds.models import Connection
from portal.clouds.queries import Options, connections_for, form_options
from portal.clouds.schemas import CAPABILITIES
from portal.core.forms import SchemaForm
from portal.core.models import new_id
from portal.core.schema import Schema, defaults, properties
from portal.orders.drafts import ItemDraft
from portal.orders.forms import PREFIX, OrderForm
from portal.orders.queries import people_to_order_for
from portal.tenancy.house_rules import (
    against_plain,
    against_region,
    encrypting_fields,
    encryption_words,
    region_words,
    rules_for,
    unsettable,
)
from portal.tenancy.models import HouseRule
from portal.users.actor import Actor
from portal.users.models import User

MOST_PROJECTS = 500
KEY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Sheet:
    """One order form for one version of one offering, at the choices made so far.

    `head` and `fields` are what is drawn. `spec` is what the answers make of the plan so far, `wrong` the answers that do
    not fit, by the field's title: while there are any, no price is said. `against` is what a rule of the house asks for that
    the service has no setting for.
    """

    version: OfferingVersion
    projects: list[Scope]
    people: list[User]
    connections: list[Connection]
    project: Scope
    connection: Connection | None
    plan: Plan
    region: str
    head: OrderForm
    fields: SchemaForm
    spec: Mapping[str, Any]
    wrong: list[str]
    against: str

    @property
    def key(self) -> str:
        return str(self.head["key"].value())

    @property
    def beneficiary(self) -> User | None:
        """For whom it is, where that is not who orders."""
        person: User | None = chosen(self.people, self.head["beneficiary"].value())
        return person

    def is_valid(self) -> bool:
        """Both forms, so that every field that is wrong says so at once."""
        return all([self.head.is_valid(), self.fields.is_valid()])

    def draft(self) -> ItemDraft:
        """What is asked for; after is_valid()."""
        connection = self.connection.pk if self.connection else None
        return ItemDraft(plan_id=self.plan.pk, connection_id=connection, answers=self.fields.spec())

    def blame(self, errors: Mapping[str, Iterable[Any]]) -> None:
        """Put a service's refusal at the fields it names; what the form does not draw, on top."""
        for name, texts in errors.items():
            form = self.fields if name in self.fields.fields else self.head
            title = properties(self.fields.schema).get(name, {}).get("title")
            shown = [f"{title}: {text}" if title and form is self.head else text for text in texts]
            form.add_error(name if name in form.fields else None, shown)


def sheet_for(
    actor: Actor,
    version: OfferingVersion,
    data: Mapping[str, Any],
    *,
    here: str = "",
    bound: bool = False,
    only: Scope | None = None,
) -> Sheet | None:
    """The form at the choices in `data`, with errors where `bound`; None where she may order nowhere.

    `here` is the path of the scope that the page shows: unless data says, its project or the first one in it is chosen.
    `only` is the one project there is to choose, where an order that waits is changed.
    """
    within_reach = projects_where(actor, "place_order", within=version.offering.scope)
    projects = [only] if only else list(within_reach[:MOST_PROJECTS])
    if not projects:
        return None
    project = chosen(projects, data.get("project")) or nearest(projects, here)
    connections = list(connections_for(project, version.offering.capability))
    connection = chosen(connections, data.get("connection")) or (connections[0] if connections else None)
    plans = list(version.plans.all())
    plan = chosen(plans, data.get("plan")) or plans[0]
    rules = rules_for(project)
    schema = ruled(translated(in_order(spec_schema(version, plan), version.offering.capability)), rules)
    region, options = where(schema, connection, data, rules)
    schema = without_empty_choices(schema, options)
    probe = SchemaForm(schema, data, options=options, prefix=PREFIX)
    probe.is_valid()
    spec, wrong = so_far(probe, region)
    people = people_to_order_for(project, but=actor.user)
    choices: dict[str, Any] = {"projects": projects, "people": people, "connections": connections, "plans": plans}
    if bound:
        head = OrderForm(data, **choices)
        fields = probe
    else:
        answers = {"project": project.pk, "connection": connection and connection.pk, "plan": plan.pk}
        typed = {"note": data.get("note", ""), "beneficiary": data.get("beneficiary", ""), "key": key_in(data)}
        head = OrderForm(initial={**answers, **typed}, **choices)
        fields = SchemaForm(schema, options=options, prefix=PREFIX, initial=kept(schema, options, region, data))
    return Sheet(
        version,
        projects,
        people,
        connections,
        project,
        connection,
        plan,
        region,
        head,
        fields,
        spec,
        wrong,
        unmet(rules, schema, spec),
    )


def where(
    schema: Schema, connection: Connection | None, data: Mapping[str, Any], rules: Iterable[HouseRule]
) -> tuple[str, dict[str, Options]]:
    """The region chosen (else the first there is that the rules allow) and the options of each field there."""
    if connection is None:
        return "", {name: [] for name, part in properties(schema).items() if "x-options" in part}
    part = properties(schema).get("region", {})
    regions = within(part, form_options({"properties": {"region": part}}, connection, "").get("region", []))
    regions = [(key, name) for key, name in regions if not against_region(rules, key)]
    asked = part.get("const") or data.get(f"{PREFIX}-region") or part.get("default")
    region = asked if asked in dict(regions) else next(iter(dict(regions)), "")
    found = {**form_options(schema, connection, region), **({"region": regions} if part else {})}
    return region, {name: within(properties(schema)[name], offered) for name, offered in found.items()}


def ruled(schema: dict[str, Any], rules: Sequence[HouseRule]) -> dict[str, Any]:
    """The schema with the rules of the house said at the fields that they are about; encryption they ask for is on."""
    said = {"region": [region_words(rule) for rule in rules if rule.regions]}
    asked = [encryption_words(rule) for rule in rules if rule.encrypted]
    fields = properties(schema)
    said |= dict.fromkeys(encrypting_fields(schema), asked)
    told = {name: texts for name, texts in said.items() if texts and name in fields}
    drawn = {
        name: {**fields[name], "description": " ".join([str(fields[name].get("description", "")), *texts]).strip()}
        for name, texts in told.items()
    }
    drawn |= {name: {**drawn[name], "default": True} for name in encrypting_fields(schema) if name in drawn}
    return {**schema, "properties": {**fields, **drawn}}


def unmet(rules: Iterable[HouseRule], schema: Schema, spec: Mapping[str, Any]) -> str:
    """The rule that the service cannot keep whatever is answered; empty where there is none."""
    field, rule = against_plain(rules, schema, spec) or ("-", None)
    return unsettable(rule) if rule and not field else ""


def in_order(schema: Schema, capability: str) -> dict[str, Any]:
    """The schema with its fields in the order that the capability publishes: the database keeps none."""
    fields = properties(schema)
    known = [name for name in properties(CAPABILITIES.get(capability, {})) if name in fields]
    return {
        **schema,
        "properties": {name: fields[name] for name in [*known, *(name for name in fields if name not in known)]},
    }


def within(part: Schema, options: Options) -> Options:
    """The options that the offering leaves open."""
    return [(key, name) for key, name in options if key in part.get("enum", [key])]


def without_empty_choices(schema: dict[str, Any], options: Mapping[str, Options]) -> dict[str, Any]:
    """The schema with the optional choices hidden that have nothing to choose from here."""
    required = set(schema.get("required", []))
    empty = {name for name, offered in options.items() if not offered and name not in required}
    drawn = {name: {**part, "x-hidden": True} if name in empty else part for name, part in properties(schema).items()}
    return {**schema, "properties": drawn}


def so_far(probe: SchemaForm, region: str) -> tuple[dict[str, Any], list[str]]:
    """What the answers that fit make of the spec, and the titles of those that do not."""
    answered = {name for name in probe.fields if probe[name].data not in (None, "")}
    wrong = [str(probe.fields[name].label) for name in probe.errors if name in answered and (name != "region" or not region)]
    there = {"region": region} if region else {}
    return {**defaults(probe.schema), **there, **probe.spec()}, wrong


def kept(schema: Schema, options: Mapping[str, Options], region: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What each field shows before it is sent: what she answered, the region, and the only choice where there is one."""
    only = {name: offered[0][0] for name, offered in options.items() if len(offered) == 1}
    needed = {name: key for name, key in only.items() if name in schema.get("required", [])}
    answered = {name: data[f"{PREFIX}-{name}"] for name in properties(schema) if f"{PREFIX}-{name}" in data}
    return {**needed, **answered, **({"region": region} if region else {})}


def key_in(data: Mapping[str, Any]) -> str:
    """The key of this form: made once, kept while it is redrawn."""
    sent = str(data.get("key", ""))
    return sent if len(sent) == KEY_LENGTH and sent.isalnum() else new_id().hex


def chosen(things: Iterable[Any], pk: Any) -> Any:
    """The one with this id, or None."""
    return next((thing for thing in things if str(thing.pk) == str(pk)), None)


def nearest(projects: list[Scope], here: str) -> Scope:
    """The project at a path, or the first one below it, or the first."""
    return next((project for project in projects if here and f"{project.path}.".startswith(f"{here}.")), projects[0])
