"""The people of the identity service beside those the portal knows: what differs. Pure, no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the directory, with the paths of the groups she is in herself."""

    subject: str
    username: str
    email: str = ""
    name: str = ""
    enabled: bool = True
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody the portal knows by an identity. `ref` is whatever the caller finds her by."""

    ref: Any
    subject: str
    email: str = ""
    name: str = ""
    enabled: bool = True
    groups: frozenset[str] = frozenset()


@dataclass(slots=True)
class Difference:
    """What the portal would change to say what the directory says."""

    new: list[Person] = field(default_factory=list)
    changed: list[tuple[Known, Person]] = field(default_factory=list)
    enabled: list[Known] = field(default_factory=list)
    disabled: list[Known] = field(default_factory=list)
    absent: list[Known] = field(default_factory=list)

    @property
    def leaving(self) -> list[Known]:
        """Who would lose her access."""
        return [*self.disabled, *self.absent]


def compare(people: Iterable[Person], known: Iterable[Known]) -> Difference:
    """Each once, by subject. Who is absent may still be there: a listing that is read page by page misses people."""
    there: Mapping[str, Person] = {person.subject: person for person in people}
    found, seen = Difference(), set[str]()
    for one in known:
        seen.add(one.subject)
        person = there.get(one.subject)
        if person is None:
            if one.enabled:
                found.absent.append(one)
            continue
        if (person.email, person.name, person.groups) != (one.email, one.name, one.groups):
            found.changed.append((one, person))
        if person.enabled and not one.enabled:
            found.enabled.append(one)
        if one.enabled and not person.enabled:
            found.disabled.append(one)
    found.new = [person for subject, person in there.items() if subject not in seen and person.enabled]
    return found


def removes_too_much(leaving: int, known: int, *, share: int, at_least: int) -> bool:
    """Whether so many leaving of so many known is more than a share in percent, and not just a few."""
    return leaving > max(at_least, known * share // 100)
