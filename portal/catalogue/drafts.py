"""An offering as somebody wants it published, and the same as it is kept while that waits for a decision."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.text import slugify

from portal.catalogue.models import OnlyWhile


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A plan to be published."""

    key: str
    name: str
    summary: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    quotas: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComponentDraft:
    """A component to be published. `quantity` is {"const": 1} or {"field": "disk_gib"}."""

    key: str
    name: str
    meter: str
    unit: str
    quantity: Mapping[str, Any]
    only_while: str = OnlyWhile.EXISTS
    dimension: str = ""


@dataclass(frozen=True, slots=True)
class OfferingDraft:
    """What is to be published: the words, the narrowing of the capability's schema, plans and components."""

    capability: str
    name: str
    plans: Sequence[PlanDraft]
    components: Sequence[ComponentDraft]
    narrowing: Mapping[str, Any] = field(default_factory=dict)
    slug: str = ""
    summary: str = ""
    description: str = ""
    icon: str = ""

    @property
    def key(self) -> str:
        """The slug it is published under."""
        return self.slug or slugify(self.name)


def kept(draft: OfferingDraft) -> dict[str, Any]:
    """The draft as plain data; `draft_from` makes it a draft again."""
    return asdict(draft)


def draft_from(data: Mapping[str, Any]) -> OfferingDraft:
    """The draft that `kept` kept."""
    plans = [PlanDraft(**plan) for plan in data["plans"]]
    components = [ComponentDraft(**component) for component in data["components"]]
    return OfferingDraft(**{**data, "plans": plans, "components": components})
