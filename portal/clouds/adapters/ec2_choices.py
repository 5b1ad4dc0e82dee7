"""What an EC2 region offers: sizes, images, networks, keys, regions and limits, in our words."""

import re
from collections.abc import Iterator
from typing import Any

from portal.clouds.adapters.ec2 import Ec2Driver, path, text_of, whole
from portal.clouds.base import Choice, Limit, Region

SIZE_FAMILIES = (
    "t3.*",
    "t3a.*",
    "t4g.*",
    "m5.*",
    "m6i.*",
    "m7g.*",
    "m7i.*",
    "c6i.*",
    "c7g.*",
    "c7i.*",
    "r6i.*",
    "r7i.*",
)
IMAGE_OWNERS = ("137112412989", "099720109477", "136693071363")
"""Amazon Linux, Ubuntu (Canonical) and Debian; the account's own images come in any case."""
IMAGE_NAMES = ("al2023-ami-2*", "amzn2-ami-hvm-2*", "ubuntu/images/hvm-ssd*-server-*", "debian-1?-*")
USABLE = {"Filter.1.Name": "state", "Filter.1.Value.1": "available"}
RELEASE = re.compile(r"20\d\d[.-]?\d+[.-]?[\d.-]*|\.\d{8}[.\d]*|-\d{8}(\.\d+)?")


def choices(driver: Ec2Driver) -> Iterator[Choice]:
    """Everything a form may offer in the region."""
    yield from sizes(driver)
    yield from images(driver)
    yield from networks(driver)
    yield from keys(driver)


def sizes(driver: Ec2Driver) -> Iterator[Choice]:
    """The sizes of the families in common use; older and special ones would bury them."""
    wanted = {"Filter.1.Name": "instance-type"}
    wanted |= {f"Filter.1.Value.{number}": name for number, name in enumerate(SIZE_FAMILIES, 1)}
    for item in driver.pages("DescribeInstanceTypes", "instanceTypeSet", wanted, size=100):
        name = text_of(item, "instanceType")
        vcpu, memory_mib = whole(text_of(item, "vCpuInfo/defaultVCpus")), whole(text_of(item, "memoryInfo/sizeInMiB"))
        if text_of(item, "bareMetal") == "true" or not vcpu or not memory_mib:
            continue
        kinds = [kind.text for kind in item.findall(path("processorInfo/supportedArchitectures/item"))]
        facts = {
            "vcpu": vcpu,
            "memory_mib": memory_mib,
            "price_class": name.partition(".")[0],
            "architecture": kinds[-1] if kinds else "",
        }
        yield Choice("size", name, f"{name} · {vcpu} vCPU · {memory_mib / 1024:g} GiB", facts)


def images(driver: Ec2Driver) -> Iterator[Choice]:
    """The account's own images, and the newest release of each line of the known makers."""
    for item in driver.pages("DescribeImages", "imagesSet", {**USABLE, "Owner.1": "self"}):
        yield image(item)
    public = {**USABLE, "Filter.2.Name": "name", "Filter.3.Name": "virtualization-type", "Filter.3.Value.1": "hvm"}
    public |= {f"Filter.2.Value.{number}": name for number, name in enumerate(IMAGE_NAMES, 1)}
    public |= {f"Owner.{number}": owner for number, owner in enumerate(IMAGE_OWNERS, 1)}
    newest: dict[str, Any] = {}
    for item in driver.pages("DescribeImages", "imagesSet", public):
        name = text_of(item, "name")
        line = RELEASE.sub("*", name)
        if line not in newest or text_of(newest[line], "name") < name:
            newest[line] = item
    yield from map(image, newest.values())


def image(item: Any) -> Choice:
    """One image; its facts say which sizes it runs on."""
    name, id = text_of(item, "name"), text_of(item, "imageId")
    facts = {"architecture": text_of(item, "architecture"), "system": text_of(item, "platform") or "linux"}
    return Choice("image", id, name or id, facts)


def networks(driver: Ec2Driver) -> Iterator[Choice]:
    for item in driver.pages("DescribeSubnets", "subnetSet", size=200):
        zone, cidr = text_of(item, "availabilityZone"), text_of(item, "cidrBlock")
        facts = {"zone": zone, "cidr": cidr, "vpc": text_of(item, "vpcId")}
        yield Choice("network", text_of(item, "subnetId"), f"{cidr} · {zone}", facts)


def keys(driver: Ec2Driver) -> Iterator[Choice]:
    for item in driver.pages("DescribeKeyPairs", "keySet"):
        name = text_of(item, "keyName")
        yield Choice("key", name, name)


def regions(driver: Ec2Driver) -> tuple[Region, ...]:
    """The regions that the account may use."""
    items = driver.pages("DescribeRegions", "regionInfo")
    return tuple(Region(name, name) for item in items if (name := text_of(item, "regionName")))


def limits(driver: Ec2Driver) -> tuple[Limit, ...]:
    """What EC2 itself tells; the quotas by processor family live in another service."""
    found = {}
    for item in driver.pages("DescribeAccountAttributes", "accountAttributeSet"):
        value = whole(text_of(item, "attributeValueSet/item/attributeValue"))
        if value is not None:
            found[text_of(item, "attributeName").replace("max-", "").replace("-", "_")] = value
    return tuple(Limit(name, value) for name, value in sorted(found.items()))
