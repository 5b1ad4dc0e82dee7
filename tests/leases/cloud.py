"""A cloud that lends, in this process: keeps who holds what, and misbehaves at the next calls as a test writes down."""

from collections.abc import Callable
from typing import Any, ClassVar

from portal.clouds.base import CloudError, Listing, Secret
from portal.clouds.leases import LeaseAsk, LeaseGiven, LeaseTarget
from portal.clouds.names import name_of_key
from tests.clouds.scripted import Scripted


class Killed(BaseException):
    """The worker died here: nobody catches this."""


class Lending(Scripted):
    """`held` is what opens something now, by id. `script` holds what happens at the next calls, in order; else all goes well."""

    kind = "scripted"
    lease_audience: ClassVar[str] = ""
    shortest_lease_s = 900
    longest_lease_s = 8 * 3600
    revocable: ClassVar[bool] = True
    lease_options: ClassVar[dict[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"access": {"type": "string", "title": "Access", "enum": ["read", "write"], "default": "read"}},
    }
    held: ClassVar[dict[str, LeaseAsk]] = {}
    calls: ClassVar[list[str]] = []
    script: ClassVar[list[Callable[[Callable[[], Any]], Any]]] = []

    @classmethod
    def reset(cls) -> None:
        super().reset()
        cls.held, cls.calls, cls.script, cls.lease_audience, cls.revocable = {}, [], [], "", True

    def lease_targets(self) -> Listing[LeaseTarget]:
        if self.errors:
            raise next(iter(self.errors.values()))
        open_to_all = LeaseTarget("open", "Open role", problem="Its trust policy lets in everybody.")
        return Listing((LeaseTarget("reader", "Reader", "of the shop"), open_to_all), complete=True)

    def lease(self, ask: LeaseAsk) -> LeaseGiven:
        return self._act(f"lease {ask.target}", lambda: self._lend(ask))

    def end_lease(self, id: str, target: str) -> None:
        self._act(f"end {target}", lambda: self.held.pop(id if id.startswith("lease-") else name_of_key("lease", id), None))

    def _lend(self, ask: LeaseAsk) -> LeaseGiven:
        id = name_of_key("lease", ask.key)
        self.held[id] = ask
        word = f"s3cret-{len(self.calls)}"
        return LeaseGiven(
            id, ask.until, {"CLOUD_KEY": Secret(word)}, Secret(f"[{id}]\nkey={word}\n"), "~/.cloud/config", "cloud ls"
        )

    def _act(self, call: str, do: Callable[[], Any]) -> Any:
        self.calls.append(call)
        return self.script.pop(0)(do) if self.script else do()


def says(error: BaseException) -> Callable[[Callable[[], Any]], Any]:
    """The call fails, and nothing was done."""

    def answer(do: Callable[[], Any]) -> Any:
        raise error

    return answer


def does_and_says(error: BaseException) -> Callable[[Callable[[], Any]], Any]:
    """It was done, but the answer never came."""

    def answer(do: Callable[[], Any]) -> Any:
        do()
        raise error

    return answer


def unreachable() -> CloudError:
    return CloudError("No answer within 90 seconds.", retry=True, kind="unreachable")


def refused(text: str = "Not this person.", kind: Any = "permission") -> CloudError:
    return CloudError(text, retry=False, kind=kind)
