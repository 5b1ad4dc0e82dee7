"""Amazon Web Services, and endpoints that speak its EC2 API: servers through Libcloud's EC2 driver."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from libcloud.compute.base import Node
from libcloud.compute.constants.ec2_instance_types import INSTANCE_TYPES
from libcloud.compute.constants.ec2_region_details_partial import REGION_DETAILS

from portal.clouds.adapters import aws_leases, ec2_checks, ec2_choices, wire
from portal.clouds.adapters.aws_roles import IamDriver, assume
from portal.clouds.adapters.ec2 import Ec2Driver, Refusal, StsDriver, text_of, whole
from portal.clouds.adapters.ec2_checks import LEASE, MAKE, OBSERVE, OPERATE, policy
from portal.clouds.adapters.libcloud import LibcloudCompute, aware
from portal.clouds.base import KEY_TAG, Check, Choice, CloudError, Limit, Listing, Region, Rung, ServerSeen, ServerSpec, State
from portal.clouds.base import marked as _
from portal.clouds.calls import asked, seconds_left
from portal.clouds.leases import LeaseAsk, LeaseGiven, LeaseTarget
from portal.clouds.names import safe_name, safe_tags, short_key

STATES_OF_EC2: Mapping[str, State] = {
    "pending": "creating",
    "running": "running",
    "stopping": "stopping",
    "stopped": "stopped",
    "shutting-down": "removing",
    "terminated": "gone",
}


class Aws(LibcloudCompute):
    """One AWS account, in one region."""

    kind = "aws"
    label = "Amazon Web Services"
    encrypts_disks = True
    capabilities = ("compute",)
    lacks: ClassVar[Mapping[str, str]] = {
        "database": _("Databases come from a managed PostgreSQL server; RDS is not connected."),
        "volume": _("Disks come with their server; single volumes are not offered."),
        "object_store": _("Buckets are not offered."),
        "container": _("Containers (ECS, EKS) are not offered."),
        "function": _("Functions (Lambda) are not offered."),
    }
    config: ClassVar[Mapping[str, Any]] = {
        "title": _("Account"),
        "type": "object",
        "additionalProperties": False,
        "required": ["regions"],
        "properties": {
            "regions": {
                "type": "string",
                "title": _("Regions"),
                "description": _("Region codes, parted by commas, such as eu-west-1, eu-central-1."),
                "pattern": "^[a-z0-9-]+(\\s*,\\s*[a-z0-9-]+)*$(?!\\n)",
                "maxLength": 400,
                "default": "eu-west-1",
            },
            "endpoint": {
                "type": "string",
                "title": _("Endpoint"),
                "description": _("Only for a cloud that speaks the EC2 API; empty means AWS itself."),
                "pattern": "^https?://[^\\s/@]+/?$(?!\\n)",
                "maxLength": 300,
            },
            "issuer": {
                "type": "string",
                "title": _("Identity provider"),
                "description": _(
                    "Only to lease roles: the issuer of your people's tokens, as the account's OIDC provider has it."
                ),
                "pattern": "^https?://[^\\s?#]+$(?!\\n)",
                "maxLength": 300,
            },
        },
    }
    credentials: ClassVar[Mapping[str, Any]] = {
        "title": _("Access key"),
        "type": "object",
        "additionalProperties": False,
        "required": ["access_key_id", "secret_access_key"],
        "properties": {
            "access_key_id": {
                "type": "string",
                "title": _("Access key ID"),
                "pattern": "^[A-Za-z0-9_]{4,128}$(?!\\n)",
                "maxLength": 128,
            },
            "secret_access_key": {
                "type": "string",
                "title": _("Secret access key"),
                "description": _("Kept encrypted, and never shown again."),
                "writeOnly": True,
                "minLength": 4,
                "maxLength": 256,
            },
            "session_token": {
                "type": "string",
                "title": _("Session token"),
                "description": _("Only for temporary credentials."),
                "writeOnly": True,
                "maxLength": 4000,
            },
        },
    }
    permissions: ClassVar[Mapping[Rung, str]] = {
        "observe": policy(*OBSERVE),
        "account": policy(*OBSERVE),
        "operate": policy(*OBSERVE, *LEASE, *OPERATE),
        "publish": policy(*OBSERVE, *LEASE, *OPERATE, *MAKE),
    }
    checks: ClassVar[Mapping[str, Rung]] = ec2_checks.CHECKS
    page: ClassVar[int] = 1000
    lease_audience: ClassVar[str] = aws_leases.AUDIENCE
    # AWS lends for 15 minutes or more, and some may pass until it is asked
    shortest_lease_s: ClassVar[int] = 20 * 60
    longest_lease_s: ClassVar[int] = 12 * 3600
    revocable: ClassVar[bool] = False
    lease_options: ClassVar[Mapping[str, Any]] = aws_leases.OPTIONS

    # How it is reached.

    def _options(self) -> dict[str, Any]:
        """Host, port and credentials as both drivers take them."""
        options: dict[str, Any] = {
            "region": self.account.region,
            "token": self.account.credentials.get("session_token") or None,
            "timeout": seconds_left(60),
        }
        if endpoint := self.account.config.get("endpoint"):
            parts = urlsplit(endpoint)
            secure = parts.scheme == "https"
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            options |= {"host": host, "port": parts.port or (443 if secure else 80), "secure": secure}
        return options

    def _opened(self, driver_class: Any, **more: Any) -> Any:
        keys = self.account.credentials
        if self.account.region not in Ec2Driver.list_regions():
            raise CloudError(f"There is no region {self.account.region!r} in AWS.", retry=False, kind="refused")
        driver = driver_class(keys["access_key_id"], keys["secret_access_key"], **self._options(), **more)
        wire.harden(driver.connection.connection.session, self.account.allow)
        return driver

    def driver(self) -> Ec2Driver:
        driver: Ec2Driver = self._opened(Ec2Driver, signature_version="4")
        return driver

    def sts(self) -> StsDriver:
        driver: StsDriver = self._opened(StsDriver)
        return driver

    def iam(self) -> IamDriver:
        driver: IamDriver = self._opened(IamDriver)
        return driver

    def _sts_url(self) -> str:
        """Where a person's token is shown: the endpoint, or AWS's own of the region."""
        host = REGION_DETAILS[self.account.region]["endpoint"].replace("ec2.", "sts.", 1)
        return str(self.account.config.get("endpoint") or f"https://{host}/")

    def translate(self, error: Exception) -> CloudError | None:
        return error.told() if isinstance(error, Refusal) else super().translate(error)

    # Servers.

    def make_node(self, driver: Any, spec: ServerSpec, key: str) -> Node:
        more: dict[str, Any] = {}
        if spec.network:
            more["ex_subnet"] = Named(spec.network)
        if spec.ssh_key:
            more["ex_keyname"] = spec.ssh_key
        if spec.disk_gib or spec.encrypted:
            disk: dict[str, Any] = {"VolumeSize": spec.disk_gib} if spec.disk_gib else {}
            disk |= {"Encrypted": "true"} if spec.encrypted else {}
            more["ex_blockdevicemappings"] = [{"DeviceName": self._root_device(driver, spec.image), "Ebs": disk}]
        node: Node = driver.create_node(
            name=safe_name(spec.name),
            size=Named(spec.size),
            image=Named(spec.image),
            ex_clienttoken=short_key(key),
            ex_metadata={**safe_tags(spec.tags), KEY_TAG: key},
            **more,
        )
        return node

    def _root_device(self, driver: Any, image: str) -> str:
        for item in driver.pages("DescribeImages", "imagesSet", {"ImageId.1": image}):
            return text_of(item, "rootDeviceName") or "/dev/xvda"
        raise CloudError(f"There is no image {image}.", retry=False, kind="not_found")

    def node_of_key(self, driver: Any, key: str) -> Node | None:
        found = list(driver.nodes({"Filter.1.Name": f"tag:{KEY_TAG}", "Filter.1.Value.1": key}))
        alive = [node for node in found if node.extra.get("status") != "terminated"]
        return self._with_disk(driver, next(iter(alive or found), None))

    def node_of_id(self, driver: Any, id: str) -> Node | None:
        try:
            return self._with_disk(driver, next(iter(driver.nodes({"InstanceId.1": id})), None))
        except Refusal as refusal:
            if refusal.told().kind == "not_found":
                return None
            raise

    def all_nodes(self, driver: Any) -> tuple[Iterable[Node], bool]:
        nodes = list(driver.nodes(size=self.page))
        disks = driver.disks_gib(size=min(self.page, 500))
        for node in nodes:
            node.extra["disk_gib"] = disks.get(node.id)
        return nodes, True

    def _with_disk(self, driver: Any, node: Node | None) -> Node | None:
        """The node with the size of its disks, which the instance itself does not tell."""
        if node is not None and node.extra.get("status") != "terminated":
            mine = {"Filter.1.Name": "attachment.instance-id", "Filter.1.Value.1": str(node.id)}
            node.extra["disk_gib"] = driver.disks_gib(mine).get(node.id)
        return node

    def seen(self, node: Node) -> ServerSeen:
        extra = node.extra
        tags = {name: value or "" for name, value in extra["tags"].items()}
        launched = aware(node.created_at)
        attached = [aware(disk["ebs"].get("attach_time")) for disk in extra.get("block_device_mapping", ())]
        made = min((moment for moment in (launched, *attached) if moment), default=None)
        state = STATES_OF_EC2.get(extra.get("status") or "", "unknown")
        if state == "creating" and made is not None and launched is not None and (launched - made).total_seconds() > 60:
            state = "starting"  # EC2 says "pending" for both, and moves the launch time at each start
        size = extra.get("instance_type") or ""
        shape: Any = INSTANCE_TYPES.get(size, {})
        return ServerSeen(
            id=str(node.id),
            generation="",
            key=tags.get(KEY_TAG, ""),
            name=tags.get("Name") or str(node.id),
            state=state,
            region=self.account.region,
            size=size,
            vcpu=whole(shape.get("extra", {}).get("vcpu")),
            memory_mib=whole(shape.get("ram")),
            disk_gib=extra.get("disk_gib"),
            addresses=tuple(dict.fromkeys([*node.public_ips, *node.private_ips])),
            created_at=made,
            tags=tags,
            note=extra.get("reason") or "",
        )

    # What is lent.

    @asked(within_s=120)
    def lease_targets(self) -> Listing[LeaseTarget]:
        issuer = str(self.account.config.get("issuer") or "")
        return Listing(tuple(aws_leases.targets(self.iam().roles(self.page), issuer)), complete=True)

    @asked(within_s=90)
    def lease(self, ask: LeaseAsk) -> LeaseGiven:
        role = aws_leases.fit_role(self.iam(), ask, str(self.account.config.get("issuer") or ""))
        try:
            keys = assume(self._sts_url(), aws_leases.form_of(ask, role), self.account.allow)
        except Refusal as refusal:
            raise aws_leases.kept_out(refusal, ask) from None
        return aws_leases.given(self.account, ask, keys)

    @asked(within_s=5)
    def end_lease(self, id: str, target: str) -> None:
        """Nothing that AWS could be asked for: what was lent ends by its time."""

    # What can be chosen, how much, and whether it works.

    @asked(within_s=40)
    def regions(self) -> tuple[Region, ...]:
        return ec2_choices.regions(self.driver())

    @asked(within_s=40)
    def limits(self) -> tuple[Limit, ...]:
        return ec2_choices.limits(self.driver())

    @asked(within_s=180)
    def choices(self) -> Listing[Choice]:
        return Listing(tuple(ec2_choices.choices(self.driver())), complete=True)

    def probes(self) -> Iterator[tuple[str, str, Callable[[], Check]]]:
        return ec2_checks.probes(self.driver, self.sts, self.account.region)


class Named(NamedTuple):
    """What create_node wants of a size, an image or a subnet: the id."""

    id: str
