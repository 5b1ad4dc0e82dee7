"""What is said of a person, held against rules: pure, no database."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

Claims = Mapping[str, Any]
ONE, MANY = "is", "starts"
"""How a rule compares: the whole value, or its beginning."""
MOST_GROUPS = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is vouched for by `provider` with this value in this claim holds the role at the scope; never its author."""

    id: UUID
    provider: str
    claim: str
    compare: str
    value: str
    role: UUID
    scope: UUID
    author: Any = None


@dataclass(frozen=True, slots=True)
class Said:
    """The claims of one person by one provider; "" is the identity service's own directory."""

    person: Any
    provider: str
    claims: Claims


@dataclass(frozen=True, slots=True)
class Grant:
    """A role at a scope for a person."""

    person: Any
    role: UUID
    scope: UUID


class Rulebook:
    """Rules, ready to be asked for many people: what one person costs does not grow with the number of rules."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.whole: dict[tuple[str, str, str], list[Rule]] = {}
        self.beginnings: dict[tuple[str, str], list[Rule]] = {}
        for rule in rules:
            if rule.compare == MANY:
                self.beginnings.setdefault((rule.provider, rule.claim), []).append(rule)
            else:
                self.whole.setdefault((rule.provider, rule.claim, plain(rule.value)), []).append(rule)
        self.names = sorted({claim for _, claim, _ in self.whole} | {claim for _, claim in self.beginnings})

    def fitting(self, said: Said) -> list[Rule]:
        """The rules that fit what one provider says, in no order that matters, each once."""
        found: dict[UUID, Rule] = {}
        for name in self.names:
            starts = self.beginnings.get((said.provider, name), [])
            for value in values_of(said.claims, name):
                exact = self.whole.get((said.provider, name, value), [])
                begun = [rule for rule in starts if value.startswith(plain(rule.value))]
                found |= {rule.id: rule for rule in (*exact, *begun)}
        return list(found.values())

    def grants(self, said: Said) -> dict[Grant, list[Rule]]:
        """What they give her, each with the rules it comes from. Nobody gains by a rule that she wrote."""
        given: dict[Grant, list[Rule]] = {}
        for rule in self.fitting(said):
            if rule.author != said.person:
                given.setdefault(Grant(said.person, rule.role, rule.scope), []).append(rule)
        return given


def kept(groups: Any) -> list[str]:
    """The groups that are kept of a list as it was said: text, each once, in order, and of more than ten thousand the first.

    Whoever says them, the same ones are kept, so nothing moves while nobody is moved. A group left out gives no role.
    """
    many = groups if isinstance(groups, list | tuple | set | frozenset) else [groups]
    return sorted({each for each in many if isinstance(each, str) and each})[:MOST_GROUPS]


def values_of(claims: Claims, name: str) -> set[str]:
    """The values of a claim as plain text, one or many. `realm_access.roles` walks into objects; what is not text is left out."""
    found: Any = claims.get(name)
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    many = found if isinstance(found, list | tuple) else [found]
    return {plain(each) for each in many if isinstance(each, str) and each}


def plain(value: str) -> str:
    """One way to write each character (NFC). Capitals stay: providers tell groups apart by them."""
    return unicodedata.normalize("NFC", value)
