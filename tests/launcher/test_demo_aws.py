"""The demo's AWS answers as AWS does: Apache Libcloud's EC2 driver, written for the real one, works on it unchanged."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from libcloud.common.exceptions import BaseHTTPError
from libcloud.compute.drivers.ec2 import EC2NodeDriver

from scripts.launcher.demo_aws import as_aws_sends, count_from_one
from scripts.launcher.ports import any_port
from scripts.launcher.supervisor import wait_until_listening


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    chosen = any_port()
    command = [sys.executable, "-m", "scripts.launcher.demo_aws", str(chosen)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_until_listening(chosen, limit_s=60)
        yield chosen
        server.terminate()


@pytest.fixture
def driver(port: int) -> Any:
    where = {"host": "127.0.0.1", "port": port, "secure": False, "region": "eu-west-1", "signature_version": "4"}
    return EC2NodeDriver("AKIAIOSFODNN7EXAMPLE", "secret", timeout=60, **where)


@pytest.fixture
def node(driver: Any) -> Iterator[Any]:
    size = next(size for size in driver.list_sizes() if size.id == "t3.micro")
    made = driver.create_node(name="web-1", image=driver.list_images()[0], size=size)
    yield made
    driver.destroy_node(made)


def test_images_zones_and_sizes_are_listed(driver: Any) -> None:
    assert len(driver.list_images()) > 100
    assert len(driver.list_sizes()) > 100
    assert {location.name for location in driver.list_locations()} >= {"eu-west-1a", "eu-west-1b"}


def test_a_server_is_created_stopped_started_and_destroyed(driver: Any, node: Any) -> None:
    def state() -> str:
        return str(driver.list_nodes(ex_node_ids=[node.id])[0].extra["status"])

    assert state() == "running"
    driver.stop_node(node)
    assert state() == "stopped"
    driver.start_node(node)
    assert state() == "running"
    driver.destroy_node(node)
    assert state() == "terminated"


def test_lists_that_count_from_zero_are_understood(driver: Any, node: Any) -> None:
    driver.ex_create_tags(node, {"owner": "alice", "tier": "web"})
    tags = driver.list_nodes(ex_node_ids=[node.id])[0].extra["tags"]
    assert tags == {"Name": "web-1", "owner": "alice", "tier": "web"}


def test_an_error_is_read_with_its_code(driver: Any) -> None:
    with pytest.raises(
        BaseHTTPError, match=r"InvalidInstanceID\.NotFound: The instance ID 'i-0123456789abcdef0' does not exist"
    ):
        driver.list_nodes(ex_node_ids=["i-0123456789abcdef0"])


def test_wrong_credentials_are_said_once_they_are_checked(port: int, driver: Any) -> None:
    def check_keys_after(calls: bytes) -> None:
        plain = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset-auth", data=calls, headers=plain)
        urllib.request.urlopen(request, timeout=20).close()

    check_keys_after(b"0")
    try:
        with pytest.raises(Exception, match=r"AuthFailure|not able to validate"):
            driver.list_nodes()
    finally:
        check_keys_after(b"inf")


def test_only_lists_that_begin_at_zero_are_moved() -> None:
    assert count_from_one("ResourceId.0=a&ResourceId.1=b&Tag.0.Key=k") == "ResourceId.1=a&ResourceId.2=b&Tag.1.Key=k"
    for as_it_is in ("ImageId.1=a&MinCount=1", "Filter.1.Value.0=a", "Action=DescribeInstances&Name=a%2Fb"):
        assert count_from_one(as_it_is) == as_it_is


def test_answers_of_other_services_stay_as_they_are() -> None:
    for body in (
        b'<R xmlns="https://sts.amazonaws.com/doc/2011-06-15/"/>',
        b"<ErrorResponse><Error/></ErrorResponse>",
        b"{}",
    ):
        assert as_aws_sends(body) == body
