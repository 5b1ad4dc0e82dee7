"""What a cloud that lends short-lived credentials takes and gives: plain data, beside the contracts of `base`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from portal.clouds.base import Cloud, Listing, Secret


@dataclass(frozen=True)
class LeaseTarget:
    """Something an account can lend: a role to assume, a project, a database. `key` is what a `LeaseAsk` names.

    `problem` says why it must not be lent as it is (an open trust policy, say); empty where nothing is wrong.
    """

    key: str
    label: str
    detail: str = ""
    problem: str = ""


@dataclass(frozen=True)
class LeaseAsk:
    """One person asks for one target until a moment.

    `key` is the id of the lease, asked twice with one key there is one lease; `token` is her own, minted for the cloud's
    `lease_audience`, None where that is empty; `person` is an id of her that the cloud may write into its own records.
    """

    key: str
    target: str
    until: datetime
    person: str
    token: Secret | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LeaseGiven:
    """What was lent. `id` is what `end_lease` is asked with; `expires` is the cloud's own word, never later than was asked for
    plus its smallest unit.

    `env` are variables for a shell, `profile` the text for the file that the cloud's own client reads, named `profile_path`.
    """

    id: str
    expires: datetime
    env: Mapping[str, Secret] = field(repr=False)
    profile: Secret = field(repr=False)
    profile_path: str = ""
    note: str = ""


class Lends(Cloud, Protocol):
    """Short-lived credentials. `lease_audience` is who her token must be for, empty where the cloud takes none;
    `shortest_lease_s` and `longest_lease_s` are what it can keep to; `revocable` says whether `end_lease` cuts off at once.
    """

    lease_audience: ClassVar[str]
    shortest_lease_s: ClassVar[int]
    longest_lease_s: ClassVar[int]
    revocable: ClassVar[bool]
    lease_options: ClassVar[Mapping[str, Any]]

    def lease_targets(self) -> Listing[LeaseTarget]:
        """What the account can lend."""

    def lease(self, ask: LeaseAsk) -> LeaseGiven:
        """Lend it; a CloudError of kind "permission" where the cloud refuses this person."""

    def end_lease(self, id: str, target: str) -> None:
        """What was lent opens nothing any more where the lease is revocable, as far as the cloud can; ended already is no error.

        `id` is that of the `LeaseGiven`, or the `key` of an ask whose answer never came.
        """
