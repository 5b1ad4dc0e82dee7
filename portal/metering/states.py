"""What each state of a resource owes: one table for every cloud. A state that is not here is unknown, and is flagged."""

from dataclasses import dataclass

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Dues:
    """`running`: components that are paid while it runs; `exists`: those paid as long as it is there."""

    running: bool
    exists: bool

    @property
    def is_alive(self) -> bool:
        return self.running or self.exists


ALL = Dues(running=True, exists=True)
KEPT = Dues(running=False, exists=True)
NOTHING = Dues(running=False, exists=False)

STATES: dict[str, Dues] = {
    "running": ALL,
    "rebooting": ALL,
    "migrating": ALL,
    "reconfiguring": ALL,
    "updating": ALL,
    "normal": ALL,
    "starting": KEPT,
    "stopping": KEPT,
    "stopped": KEPT,
    "suspended": KEPT,
    "paused": KEPT,
    "pending": NOTHING,
    "creating": NOTHING,
    "removing": NOTHING,
    "gone": NOTHING,
    "terminated": NOTHING,
    "failed": NOTHING,
    "error": NOTHING,
}
