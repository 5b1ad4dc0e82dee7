"""Servers that were there before Concord came, in an account of the demo's AWS.

python -m scripts.launcher.demo_estate PORT few|many
"""

import sys
from typing import Any

import boto3

UBUNTU = "099720109477"
FEW = (("eu-west-1", "jump-host", "t3.micro"), ("eu-west-1", "old-wiki", "t3.small"))
MANY = (
    ("eu-west-1", "legacy-erp-1", "m5.large"),
    ("eu-west-1", "legacy-erp-2", "m5.large"),
    ("eu-west-1", "legacy-erp-db", "r6i.large"),
    ("eu-west-1", "fileserver", "t3.medium"),
    ("eu-west-1", "build-agent", "t3.large"),
    ("eu-central-1", "vpn-gateway", "t3.small"),
    ("eu-central-1", "print-queue", "t3.micro"),
)
STOPPED = ("build-agent",)


def main() -> None:
    """Make those that are not there yet; asked twice it is one estate."""
    port, estate = int(sys.argv[1]), {"few": FEW, "many": MANY}[sys.argv[2]]
    for region, name, size in estate:
        make(client_of(port, region), name, size)


def client_of(port: int, region: str) -> Any:
    """A client of the account; the simulator takes any key."""
    return boto3.client(
        "ec2",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=region,
        aws_access_key_id="DEMOKEYOFTHEESTATE",
        aws_secret_access_key="any-secret-will-do",  # noqa: S106 - the simulator checks none
    )


def make(client: Any, name: str, size: str) -> None:
    """One server by its name, running unless it is one of those that are stopped."""
    if client.describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]:
        return
    image = client.describe_images(Owners=[UBUNTU])["Images"][0]["ImageId"]
    tags = [
        {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}, {"Key": "owner", "Value": "it-operations"}]}
    ]
    made = client.run_instances(ImageId=image, InstanceType=size, MinCount=1, MaxCount=1, TagSpecifications=tags)
    if name in STOPPED:
        client.stop_instances(InstanceIds=[made["Instances"][0]["InstanceId"]])


if __name__ == "__main__":
    main()
