"""What the demo's AWS was asked to make is there after any end of its process, `kill -9` in the middle of work included."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from scripts.launcher.demo_aws import most_servers
from scripts.launcher.ports import any_port
from scripts.launcher.supervisor import wait_until_listening

REGION = "eu-west-1"


class Account:
    """One simulated account that can be ended and started again on the same file."""

    def __init__(self, file: Path) -> None:
        self.file, self.port = file, any_port()
        self.log = file.with_suffix(".log")
        self.process: Any = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "scripts.launcher.demo_aws", str(self.port), str(self.file)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until_listening(self.port, limit_s=60)

    def end(self, word: signal.Signals) -> None:
        self.process.send_signal(word)
        self.process.wait(20)

    def client(self, region: str = REGION) -> Any:
        keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
        once = Config(retries={"total_max_attempts": 1})
        return boto3.client("ec2", endpoint_url=f"http://127.0.0.1:{self.port}", region_name=region, config=once, **keys)

    def servers(self) -> list[dict[str, Any]]:
        """What pages show of each server, the newest last."""
        found = [each for group in self.client().describe_instances()["Reservations"] for each in group["Instances"]]
        names = (
            "InstanceId",
            "ImageId",
            "InstanceType",
            "State",
            "Tags",
            "PrivateIpAddress",
            "LaunchTime",
            "SubnetId",
            "ClientToken",
        )
        return sorted(({name: each.get(name) for name in names} for each in found), key=lambda each: str(each["InstanceId"]))

    def run(self, name: str, **more: Any) -> str:
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        made = self.client().run_instances(
            ImageId=self.image, InstanceType="t3.small", MinCount=1, MaxCount=1, TagSpecifications=tags, **more
        )
        return str(made["Instances"][0]["InstanceId"])

    @property
    def image(self) -> str:
        return str(self.client().describe_images(Owners=["099720109477"])["Images"][0]["ImageId"])


@pytest.fixture
def account(home: Path) -> Iterator[Account]:
    made = Account(home / "aws-1.state")
    made.start()
    yield made
    made.process.kill()
    made.process.wait(20)


@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "killed"])
def test_servers_their_states_tags_and_addresses_outlive_the_process(account: Account, word: signal.Signals) -> None:
    ids = [account.run(name, ClientToken=name) for name in ("web-1", "web-2", "web-3")]
    client = account.client()
    client.stop_instances(InstanceIds=[ids[0]])
    client.terminate_instances(InstanceIds=[ids[1]])
    client.create_tags(Resources=[ids[2]], Tags=[{"Key": "owner", "Value": "alice"}])
    networks = sorted(each["SubnetId"] for each in client.describe_subnets()["Subnets"])
    before = account.servers()
    assert sorted(each["State"]["Name"] for each in before) == ["running", "stopped", "terminated"]
    account.end(word)
    account.start()
    assert account.servers() == before
    assert sorted(each["SubnetId"] for each in account.client().describe_subnets()["Subnets"]) == networks
    account.client().start_instances(InstanceIds=[ids[0]])
    assert {each["InstanceId"]: each["State"]["Name"] for each in account.servers()}[ids[0]] == "running"
    assert account.run("web-2", ClientToken="web-4") not in ids


def test_nothing_that_was_answered_is_lost_when_it_is_killed_at_work(account: Account) -> None:
    answered: list[str] = []

    def work(number: int) -> None:
        with contextlib.suppress(BotoCoreError, ClientError):
            for each in range(20):
                answered.append(account.run(f"w{number}-{each}"))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    while len(answered) < 4:
        time.sleep(0.02)
    account.end(signal.SIGKILL)
    for worker in workers:
        worker.join()
    account.start()
    assert set(answered) <= {each["InstanceId"] for each in account.servers()}


def test_a_network_seen_once_keeps_its_id(account: Account) -> None:
    seen = account.client("eu-central-1").describe_subnets()["Subnets"]
    account.end(signal.SIGKILL)
    account.start()
    assert account.client("eu-central-1").describe_subnets()["Subnets"] == seen


def test_a_file_that_cannot_be_read_is_set_aside_and_said(account: Account) -> None:
    account.run("web-1")
    account.end(signal.SIGTERM)
    account.file.write_bytes(b"not ours")
    account.start()
    assert account.servers() == []
    assert account.file.with_name("aws-1.state.unread").read_bytes() == b"not ours"
    assert "this account starts empty" in account.log.read_text()


def test_the_file_is_for_its_owner_alone(account: Account) -> None:
    account.run("web-1")
    assert account.file.stat().st_mode & 0o777 == 0o600


def test_an_account_holds_to_the_limit_it_tells(account: Account) -> None:
    client, image = account.client("eu-central-1"), account.image
    told = client.describe_account_attributes(AttributeNames=["max-instances"])["AccountAttributes"]
    most = most_servers("eu-central-1")
    assert {each["AttributeName"]: each["AttributeValues"][0]["AttributeValue"] for each in told}["max-instances"] == str(
        most
    )
    made = client.run_instances(ImageId=image, InstanceType="t3.small", MinCount=most, MaxCount=most)["Instances"]
    with pytest.raises(ClientError, match=r"InstanceLimitExceeded.*current instance limit of 6 allows"):
        client.run_instances(ImageId=image, InstanceType="t3.small", MinCount=1, MaxCount=1)
    client.terminate_instances(InstanceIds=[made[0]["InstanceId"]])
    client.run_instances(ImageId=image, InstanceType="t3.small", MinCount=1, MaxCount=1)
