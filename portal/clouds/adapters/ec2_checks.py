"""What an AWS account must be able to do, and how to find out without doing it (EC2's DryRun)."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from portal.clouds.adapters.ec2 import Ec2Driver, Refusal, StsDriver, text_of
from portal.clouds.adapters.ec2_choices import USABLE, regions
from portal.clouds.base import KEY_TAG, Check, Rung

CHECKS: Mapping[str, Rung] = {
    "credentials": "observe",
    "region": "observe",
    "see_servers": "observe",
    "see_choices": "observe",
    "make_server": "publish",
    "operate_server": "operate",
    "remove_server": "operate",
}
OBSERVE = (
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "ec2:DescribeRegions",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeImages",
    "ec2:DescribeSubnets",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeAccountAttributes",
)
LEASE = ("iam:ListRoles", "iam:GetRole")
MAKE = ("ec2:RunInstances", "ec2:CreateTags")
OPERATE = ("ec2:StartInstances", "ec2:StopInstances", "ec2:RebootInstances", "ec2:TerminateInstances")
Probe = tuple[str, str, Callable[[], Check]]


def policy(*actions: str) -> str:
    """An IAM policy with these actions, to copy."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def probes(driver: Callable[[], Ec2Driver], sts: Callable[[], StsDriver], region: str) -> Iterator[Probe]:
    """Each of CHECKS with the permission it needs; every probe opens a driver of its own."""
    yield "credentials", "", lambda: who_am_i(sts())
    yield "region", "ec2:DescribeRegions", lambda: has_region(driver(), region)
    yield "see_servers", "ec2:DescribeInstances", lambda: sees_servers(driver())
    yield "see_choices", "ec2:DescribeImages", lambda: sees_choices(driver())
    yield "make_server", ", ".join(MAKE), lambda: may_make(driver())
    yield "operate_server", "ec2:StopInstances", lambda: may_touch(driver(), "operate_server", "StopInstances")
    yield "remove_server", "ec2:TerminateInstances", lambda: may_touch(driver(), "remove_server", "TerminateInstances")


def who_am_i(sts: StsDriver) -> Check:
    account, arn = sts.account_and_identity()
    return Check("credentials", "passed", f"{account} · {arn}")


def has_region(driver: Ec2Driver, region: str) -> Check:
    found = {one.key for one in regions(driver)}
    if region in found:
        return Check("region", "passed", region, "ec2:DescribeRegions")
    return Check("region", "failed", f"{region} is not open to this account.", "ec2:DescribeRegions", "refused")


def sees_servers(driver: Ec2Driver) -> Check:
    some = list(islice(driver.nodes(size=100), 100))
    count = "100+" if len(some) == 100 else str(len(some))
    return Check("see_servers", "passed", count, "ec2:DescribeInstances")


def sees_choices(driver: Ec2Driver) -> Check:
    for action, name in (("DescribeSubnets", "subnetSet"), ("DescribeKeyPairs", "keySet")):
        list(driver.pages(action, name))
    return Check("see_choices", "passed", "", "ec2:DescribeImages")


def may_make(driver: Ec2Driver) -> Check:
    """Ask for a server that is not to be made, from any image at hand."""
    needs = ", ".join(MAKE)
    filters = {**USABLE, "Owner.1": "amazon", "Filter.2.Name": "name", "Filter.2.Value.1": "al2023-ami-2023*"}
    item = next(iter(driver.pages("DescribeImages", "imagesSet", filters)), None)
    if item is None:
        return Check("make_server", "skipped", "No image to ask with.", needs)
    ask = {"ImageId": text_of(item, "imageId"), "InstanceType": "t3.micro", "MinCount": "1", "MaxCount": "1"}
    ask |= {"TagSpecification.1.ResourceType": "instance", "TagSpecification.1.Tag.1.Key": KEY_TAG}
    return dry_run(driver, "make_server", "RunInstances", {**ask, "TagSpecification.1.Tag.1.Value": "check"}, needs)


def may_touch(driver: Ec2Driver, name: str, action: str) -> Check:
    """Ask about any server that is there; without one nothing can be told, which is no failure."""
    needs = f"ec2:{action}"
    node = next((node for node in driver.nodes(size=100) if node.extra.get("status") != "terminated"), None)
    if node is None:
        return Check(name, "skipped", "No server to ask about.", needs)
    return dry_run(driver, name, action, {"InstanceId.1": str(node.id)}, needs)


def dry_run(driver: Ec2Driver, name: str, action: str, params: dict[str, str], needs: str) -> Check:
    """EC2 answers a dry run with DryRunOperation when it would have done it."""
    try:
        driver.ask(action, {**params, "DryRun": "true"})
    except Refusal as refusal:
        if refusal.code == "DryRunOperation":
            return Check(name, "passed", "", needs)
        told = refusal.told()
        if told.kind in ("permission", "credentials"):
            return Check(name, "failed", told.message, needs, told.kind)
        return Check(name, "warned", told.message, needs, told.kind)
    return Check(name, "warned", "The endpoint does not know dry runs.", needs)
