"""What a timeline is drawn from: moments of the past, the present and the future, with the steps inside them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.web.states import Look, look_of


@dataclass(frozen=True, slots=True)
class Stage:
    """One step inside a moment: how it stands, what it is, and how long it took."""

    title: Any
    state: str
    note: Any = ""
    took: str = ""

    @property
    def look(self) -> Look:
        return look_of(self.state, "step")

    @property
    def icon(self) -> str:
        return self.look.icon

    @property
    def css(self) -> str:
        return f"{self.look.kind} turn" if self.look.kind == "move" else self.look.kind


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a story. `kind` is ok, wait, fail, move, idle, or `next` for what is still to come."""

    title: Any
    kind: str
    icon: str = "check"
    at: datetime | None = None
    after: str = ""
    detail: Any = ""
    quote: str = ""
    href: str = ""
    link: Any = ""
    stages: list[Stage] = field(default_factory=list)

    @property
    def turns(self) -> str:
        return "turn" if self.kind == "move" else ""
