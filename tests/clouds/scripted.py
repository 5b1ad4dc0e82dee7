"""An adapter that answers what the test wrote down: for the absences and faults that no real cloud shows on demand."""

from collections.abc import Iterator
from typing import Any, ClassVar

from portal.clouds.adapters.aws import Aws
from portal.clouds.base import Account, Check, Choice, CloudError, Limit, Listing, Region


class Scripted:
    """Its answers are class attributes: a test sets them, `reset` puts them back."""

    kind = "scripted"
    label = "A cloud of the tests"
    capabilities = ("compute",)
    lacks: ClassVar[dict[str, str]] = {}
    config = Aws.config
    credentials = Aws.credentials
    permissions = Aws.permissions
    checks: ClassVar[dict[str, str]] = {"credentials": "observe", "make_server": "publish"}

    found: ClassVar[dict[str, Listing[Choice]]] = {}
    errors: ClassVar[dict[str, CloudError]] = {}
    results: ClassVar[list[Check]] = []
    asked: ClassVar[list[Account]] = []

    def __init__(self, account: Account) -> None:
        self.account = account
        self.asked.append(account)

    @classmethod
    def reset(cls) -> None:
        cls.found, cls.errors, cls.asked = {}, {}, []
        cls.results = [Check("credentials", "passed", "account 1"), Check("make_server", "passed")]

    def check(self) -> Iterator[Check]:
        yield from self.results

    def regions(self) -> tuple[Region, ...]:
        return Region("eu-west-1", "Ireland"), Region("eu-central-1", "Frankfurt"), Region("us-east-1", "Virginia")

    def choices(self) -> Listing[Choice]:
        if error := self.errors.get(self.account.region):
            raise error
        return self.found.get(self.account.region, Listing((), complete=True))

    def limits(self) -> tuple[Limit, ...]:
        return (Limit("instances", 20, 3),)


def size(key: str, vcpu: int = 2, memory_mib: int = 2048) -> Choice:
    return Choice("size", key, key, {"vcpu": vcpu, "memory_mib": memory_mib})


def whole(*choices: Any) -> Listing[Choice]:
    return Listing(tuple(choices), complete=True)


def partial(*choices: Any) -> Listing[Choice]:
    return Listing(tuple(choices), complete=False)
