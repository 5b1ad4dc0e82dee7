"""The record that events of sealed batches were removed: what it states, and which one counts."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.events import checkpoints
from portal.events.models import Event, Position, Seal

ACTION = "events.remove"


@dataclass(frozen=True, slots=True)
class Removal:
    """Everything up to the end of a batch goes: its last position, its chained hash, and the age that was asked for."""

    through: int
    chained: str
    before: str
    key: str
    signature: bytes = b""

    def statement(self) -> bytes:
        """The bytes that are signed, so that the app's role alone cannot make one."""
        lines = ("concord-removal/1", str(self.through), self.chained, self.before, self.key)
        return "".join(f"{line}\n" for line in lines).encode()

    def detail(self) -> dict[str, Any]:
        """As its event keeps it."""
        kept = {"through": self.through, "chained": self.chained, "before": self.before, "key": self.key}
        return {**kept, "signature": base64.b64encode(self.signature).decode()}

    def is_signed(self, keys: Mapping[str, bytes]) -> bool:
        """Whether one of these keys signed it."""
        return self.key in keys and checkpoints.is_signed(self.statement(), self.signature, keys[self.key])


def removal_of(seal: Seal, before: datetime, key_id: str, seed: bytes) -> Removal:
    """A signed statement that everything up to the end of this batch goes."""
    bare = Removal(seal.last, bytes(seal.chained).hex(), before.isoformat(), key_id)
    return Removal(bare.through, bare.chained, bare.before, key_id, checkpoints.sign(bare.statement(), seed))


def last_removal(trusted: Mapping[str, bytes]) -> Removal | None:
    """The farthest removal on record that is sealed and that one of these keys signed.

    Each takes everything before it, so no earlier one is needed: it may itself be removed.
    """
    sealed = Event.objects.filter(action=ACTION, pk__in=Position.objects.values("event_id"))
    read = [removal for event in sealed if (removal := _read(event))]
    return max((each for each in read if each.is_signed(trusted)), key=lambda each: each.through, default=None)


def _read(event: Event) -> Removal | None:
    """What an event states; None where it was not written by a removal."""
    try:
        said = event.detail
        signature = base64.b64decode(str(said["signature"]), validate=True)
        return Removal(int(said["through"]), str(said["chained"]), str(said["before"]), str(said["key"]), signature)
    except (KeyError, TypeError, ValueError):
        return None
