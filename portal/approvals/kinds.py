"""What the engine knows of a subject: a kind is one small class in the app that owns the act, named in the settings."""

from typing import Any, Protocol

from django.utils.translation import gettext as _

from portal.access.models import Scope
from portal.core import registry
from portal.core.errors import Conflict
from portal.users.actor import Actor


class Kind(Protocol):
    """One kind of governed act. Every method runs in the engine's transaction, with the approval's row locked.

    `name` is what `ask` is given, `label` what people read, `permission` what it takes to withdraw; empty
    where having asked is enough.
    """

    name: str
    label: Any
    permission: str

    def load(self, subject_id: str) -> Any:
        """The subject, or a NotFound."""

    def facts(self, subject: Any) -> dict[str, Any]:
        """What is decided on: flat, whole numbers, texts, truth values, lists of those; amounts as Decimal or text.

        Policies compare these and the card shows them. What moves by itself (budget left) is no fact: it would make
        every card stale; the page reads it beside the card.
        """

    def still_valid(self, subject: Any) -> bool:
        """Can it still be done? Asked before the last vote counts. Raise a Refused to say why not."""

    def apply(self, subject: Any, *, actor: Actor) -> None:
        """Do what was asked for. Runs once per approval; what it raises undoes the vote."""

    def drop(self, subject: Any, outcome: str, *, actor: Actor) -> None:
        """It was denied, expired or withdrawn: free what was held."""


def kinds() -> dict[str, Kind]:
    """Every kind by its name, as the settings list them."""
    return {kind.name: kind() for kind in registry.load("PORTAL_APPROVAL_KINDS")}


def kind_named(name: str) -> Kind:
    """The kind of that name. A name that the settings do not list is an error of the program."""
    try:
        return kinds()[name]
    except KeyError:
        raise LookupError(f"no approval kind {name!r} in PORTAL_APPROVAL_KINDS") from None


def subject_of(name: str, subject_id: str) -> tuple[Kind, Any]:
    """The kind and its subject; a Conflict where that is gone."""
    kind = kind_named(name)
    subject = kind.load(subject_id)
    if subject is None:
        raise Conflict(_("What this decides on is no longer there."))
    return kind, subject


def scope_facts(name: str, scope: Scope) -> dict[str, Any]:
    """What policies may ask about the scope beside the subject's own facts."""
    return {
        "kind": name,
        "scope_kind": scope.scope_kind,
        "environment": scope.environment,
        "data_class": scope.data_class,
    }
