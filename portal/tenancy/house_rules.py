"""The rules about regions and encryption that bind a project, and what they say to one place or spec. Judging asks nothing."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.access.classes import classes_of
from portal.access.models import DataClass, Environment, Scope
from portal.core.errors import NotFound
from portal.core.schema import Schema, properties
from portal.tenancy.models import HouseRule
from portal.users.actor import Actor

ENCRYPTS = "x-encrypts"
"""The mark of a field in a published schema that turns encryption of what is stored on."""


def rules_at(scope: Scope) -> list[HouseRule]:
    """Every rule laid down at a scope or above it, root first."""
    found: QuerySet[HouseRule] = HouseRule.objects.filter(scope__path__above=scope.path).select_related("scope")
    return sorted(found, key=lambda rule: (len(str(rule.scope.path)), rule.environment, rule.data_class))


def rule_visible_to(actor: Actor, pk: UUID) -> HouseRule:
    """One rule, or NotFound where she may not see its scope."""
    found: HouseRule | None = HouseRule.objects.visible_to(actor).select_related("scope").filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def rules_for(project: Scope) -> list[HouseRule]:
    """Those that bind a project, by the environment and the data class that hold for it."""
    rules = rules_at(project)
    if not rules:
        return []
    classes = classes_of(project)
    return [
        rule
        for rule in rules
        if rule.environment in ("", classes.environment) and rule.data_class in ("", classes.data_class)
    ]


def against_region(rules: Iterable[HouseRule], region: str) -> HouseRule | None:
    """The first rule that keeps things out of a region; None where it may be used."""
    return next((rule for rule in rules if rule.regions and not is_in(region, rule.regions)), None)


def against_plain(rules: Iterable[HouseRule], schema: Schema, spec: Mapping[str, Any]) -> tuple[str, HouseRule] | None:
    """The rule that asks for encryption where the spec turns none on, with the field that would; an empty field where the
    service has none.
    """
    asking = next((rule for rule in rules if rule.encrypted), None)
    marked = [name for name, part in properties(schema).items() if part.get(ENCRYPTS)]
    if asking is None or any(spec.get(name) is True for name in marked):
        return None
    return next(iter(encrypting_fields(schema)), ""), asking


def encrypting_fields(schema: Schema) -> list[str]:
    """The fields of a form that turn encryption on: those that a person can answer."""
    fields = properties(schema).items()
    return [name for name, part in fields if part.get(ENCRYPTS) and not part.get("x-hidden") and "const" not in part]


def is_in(region: str, patterns: Sequence[str]) -> bool:
    """Whether a region is one of those named, or begins as one that ends in `*` does."""
    return any(fnmatchcase(region, pattern) for pattern in patterns)


def words_of(rule: HouseRule) -> str:
    """The rule in a sentence or two."""
    return " ".join(text for text in (region_words(rule), encryption_words(rule)) if text)


def region_words(rule: HouseRule) -> str:
    """What it says of regions; empty where it says nothing."""
    words = {"scope": rule.scope, "what": what_of(rule), "regions": ", ".join(rule.regions)}
    return _("%(scope)s keeps %(what)s in %(regions)s only.") % words if rule.regions else ""


def encryption_words(rule: HouseRule) -> str:
    """What it says of encryption; empty where it says nothing."""
    return _("%(scope)s keeps %(what)s encrypted.") % {"scope": rule.scope, "what": what_of(rule)} if rule.encrypted else ""


def unsettable(rule: HouseRule) -> str:
    """The same to a service that has no setting for it."""
    return _("%(rule)s This service has no setting for it.") % {"rule": encryption_words(rule)}


def what_of(rule: HouseRule) -> str:
    """What a rule is about."""
    data: dict[str, str] = {
        DataClass.PUBLIC: _("public data"),
        DataClass.INTERNAL: _("internal data"),
        DataClass.RESTRICTED: _("restricted data"),
    }
    places: dict[str, str] = {
        Environment.TRY: _("what is only tried"),
        Environment.DEVELOP: _("what is developed"),
        Environment.PRODUCE: _("what is in production"),
    }
    if rule.data_class and rule.environment:
        return _("%(data)s of %(place)s") % {"data": data[rule.data_class], "place": places[rule.environment]}
    return data[rule.data_class] if rule.data_class else places[rule.environment]
