"""The AWS adapter against moto's server over real HTTP: the contract, pages, refusals and faults."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from libcloud.compute.base import Node
from libcloud.compute.types import NodeState

from portal.clouds import calls
from portal.clouds.adapters import libcloud as base_adapter
from portal.clouds.adapters.aws import STATES_OF_EC2, Aws
from portal.clouds.base import STATES, Account, CloudError, ServerSpec, State
from tests.clouds.contract import ComputeContract, settled
from tests.clouds.faults import Fault, FaultProxy, http
from tests.endpoints import ask_moto

REGION = "eu-west-1"
SECRET = "wJalrXUtnFEMI/K7MDENG+EXAMPLE"


def account_at(port: int, **more: Any) -> Account:
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET, **more.pop("credentials", {})}
    config = {"endpoint": f"http://127.0.0.1:{port}", "regions": REGION, **more.pop("config", {})}
    return Account(config, keys, REGION, ("127.0.0.0/8",))


@pytest.fixture
def account(empty_moto: int) -> Account:
    return account_at(empty_moto)


@pytest.fixture
def spec(account: Account) -> ServerSpec:
    image = next(choice.key for choice in Aws(account).choices().items if choice.kind == "image")
    return ServerSpec("web-1", "t3.small", image, disk_gib=40, tags={"project": "web"})


@pytest.fixture
def proxy(empty_moto: int) -> Iterator[FaultProxy]:
    with FaultProxy("127.0.0.1", empty_moto) as standing:
        yield standing


def error_of(call: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        call()
    return caught.value


class TestAws(ComputeContract):
    provider = Aws


class TestWhatIsMade:
    def test_disk_network_and_tags_arrive(self, account: Account, spec: ServerSpec) -> None:
        adapter = Aws(account)
        subnet = next(choice.key for choice in adapter.choices().items if choice.kind == "network")
        server = settled(adapter, adapter.ensure_server(replace(spec, network=subnet), "k"))
        assert server.disk_gib == 40
        assert server.tags["project"] == "web"
        assert server.addresses

    def test_a_tag_cannot_forge_the_key_or_use_reserved_names(self, account: Account, spec: ServerSpec) -> None:
        forged = replace(spec, tags={"concord-step": "theirs", "aws:x": "1", "a\x00b": "c\n"})
        server = settled(Aws(account), Aws(account).ensure_server(forged, "ours"))
        assert server.key == "ours"
        assert set(server.tags) == {"Name", "concord-step", "a b"}

    def test_what_the_account_has_besides_is_listed_without_a_key(self, account: Account, spec: ServerSpec) -> None:
        Aws(account).driver().ask("RunInstances", {"ImageId": spec.image, "MinCount": "2", "MaxCount": "2"})
        assert [server.key for server in Aws(account).list_servers().items] == ["", ""]

    def test_the_listing_follows_every_page(self, account: Account, spec: ServerSpec) -> None:
        for number in range(12):
            Aws(account).ensure_server(replace(spec, disk_gib=0), f"k{number}")
        with patch.object(Aws, "page", 5):
            listing = Aws(account).list_servers()
        assert len({server.id for server in listing.items}) == 12
        assert all(server.disk_gib for server in listing.items)

    def test_another_region_is_another_world(self, account: Account, spec: ServerSpec) -> None:
        settled(Aws(account), Aws(account).ensure_server(spec, "k"))
        assert Aws(replace(account, region="eu-central-1")).list_servers().items == ()


class TestWords:
    def test_every_state_of_libcloud_and_of_ec2_has_a_word(self) -> None:
        assert set(base_adapter.STATE_OF) == set(NodeState)
        assert set(base_adapter.STATE_OF.values()) | set(STATES_OF_EC2.values()) <= STATES

    @pytest.mark.parametrize(
        ("status", "state"), [(None, "unknown"), ("hibernating", "unknown"), ("stopping", "stopping"), ("terminated", "gone")]
    )
    def test_a_state_nobody_knows_is_unknown(self, account: Account, status: str | None, state: State) -> None:
        node: Any = Node("i-1", "n", NodeState.UNKNOWN, [], [], None, extra={"status": status, "tags": {}})
        assert Aws(account).seen(node).state == state

    @pytest.mark.parametrize("moment", ["2026-11-24T05:09:27.000Z", "2026-11-24T05:09:27+00:00", "2026-11-24T05:09:27"])
    def test_times_become_aware_utc(self, moment: str) -> None:
        found = base_adapter.aware(moment)
        assert found is not None
        assert found.isoformat() == "2026-11-24T05:09:27+00:00"
        assert base_adapter.aware("soon") is None
        assert base_adapter.aware(None) is None

    def test_the_smallest_policies_are_there_to_copy(self) -> None:
        assert set(Aws.permissions) == {"observe", "account", "operate", "publish"}
        assert "RunInstances" in Aws.permissions["publish"]
        assert "RunInstances" not in Aws.permissions["operate"]


class TestRefusals:
    @pytest.fixture
    def guarded_moto(self, empty_moto: int) -> Iterator[dict[str, str]]:
        """Keys of a user who may look and nothing else, on a server that checks keys and policies from now on."""
        options: Any = {"endpoint_url": f"http://127.0.0.1:{empty_moto}", "region_name": REGION}
        iam = boto3.client("iam", aws_access_key_id="a", aws_secret_access_key="b", **options)
        iam.create_user(UserName="looker")
        document = Aws.permissions["observe"]
        iam.put_user_policy(UserName="looker", PolicyName="look", PolicyDocument=document)
        made = iam.create_access_key(UserName="looker")["AccessKey"]
        ask_moto(empty_moto, "reset-auth", b"0")
        yield {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
        ask_moto(empty_moto, "reset-auth", b"inf")

    def test_wrong_credentials_are_said_and_the_check_stops_there(self, empty_moto: int, guarded_moto: Any) -> None:
        wrong = account_at(empty_moto)
        error = error_of(Aws(wrong).list_servers)
        assert (error.kind, error.retry) == ("credentials", False)
        assert [(check.name, check.state) for check in Aws(wrong).check()] == [("credentials", "failed")]

    def test_a_wrong_secret_is_not_repeated_in_the_error(self, empty_moto: int, guarded_moto: dict[str, str]) -> None:
        wrong = account_at(empty_moto, credentials={**guarded_moto, "secret_access_key": "not-the-secret"})
        error = error_of(Aws(wrong).list_servers)
        assert error.kind == "credentials"
        assert "not-the-secret" not in repr(error)

    def test_who_may_only_look_is_told_what_is_missing(self, empty_moto: int, guarded_moto: dict[str, str]) -> None:
        looker = account_at(empty_moto, credentials=guarded_moto)
        checks = {check.name: check for check in Aws(looker).check()}
        assert checks["see_servers"].state == "passed"
        assert checks["make_server"].state == "failed"
        assert checks["make_server"].kind == "permission"
        assert "ec2:RunInstances" in checks["make_server"].needs
        error = error_of(lambda: Aws(looker).ensure_server(ServerSpec("x", "t3.small", "ami-1"), "k"))
        assert (error.kind, error.retry) == ("permission", False)

    @pytest.mark.parametrize(
        ("code", "status", "kind", "retry"),
        [
            ("VcpuLimitExceeded", 400, "quota", False),
            ("InstanceLimitExceeded", 400, "quota", False),
            ("InsufficientInstanceCapacity", 500, "capacity", True),
            ("RequestLimitExceeded", 503, "refused", True),
            ("IncorrectInstanceState", 400, "refused", True),
            ("InvalidAMIID.NotFound", 400, "not_found", False),
            ("InternalError", 500, "unreachable", True),
            ("ExpiredToken", 400, "credentials", False),
            ("InvalidParameterValue", 400, "refused", False),
        ],
    )
    def test_a_refusal_keeps_its_meaning(self, proxy: FaultProxy, code: str, status: int, kind: str, retry: bool) -> None:
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>No.</Message></Error></Errors></Response>"
        proxy.fault = Fault("payload", payload=http(status, body.encode()))
        error = error_of(Aws(account_at(proxy.port)).list_servers)
        assert (error.kind, error.retry) == (kind, retry)
        assert code in error.message

    def test_an_image_that_is_not_there_is_said(self, account: Account, spec: ServerSpec) -> None:
        error = error_of(lambda: Aws(account).ensure_server(replace(spec, image="ami-00000000000000000"), "k"))
        assert (error.kind, error.retry) == ("not_found", False)

    def test_a_region_that_is_not_there_is_said(self, account: Account) -> None:
        error = error_of(Aws(replace(account, region="mars-1")).list_servers)
        assert (error.kind, error.retry) == ("refused", False)


class TestFaults:
    def test_an_endpoint_that_is_down(self) -> None:
        error = error_of(Aws(account_at(1)).list_servers)
        assert (error.kind, error.retry) == ("unreachable", True)

    @pytest.mark.parametrize(
        ("payload", "kind"),
        [
            (b"\x00\xff\x13 hello, I am no cloud\r\n\r\n", "unreachable"),
            (http(200, b"<html>It works!</html>"), "garbage"),
            (http(200, b""), "garbage"),
            (http(200, b'<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId></R>'), "garbage"),
            (http(200, b'<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet>'), "garbage"),
            (http(200, b'<R xmlns="http://other.example/">' + b"<reservationSet/></R>"), "garbage"),
            (http(503, b"{}"), "unreachable"),
            (http(302, b"", b"Location: http://127.0.0.1:1/\r\n"), "refused"),
        ],
    )
    def test_nonsense_is_never_an_empty_list(self, proxy: FaultProxy, payload: bytes, kind: str) -> None:
        proxy.fault = Fault("payload", payload=payload)
        error = error_of(Aws(account_at(proxy.port)).list_servers)
        assert error.kind == kind
        assert len(error.message) <= 400

    def test_a_page_that_leads_to_itself_is_garbage(self, proxy: FaultProxy) -> None:
        body = b'<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet/><nextToken>t</nextToken></R>'
        proxy.fault = Fault("payload", payload=http(200, body), times=9)
        assert error_of(Aws(account_at(proxy.port)).list_servers).kind == "garbage"

    def test_a_listing_cut_off_half_way_is_an_error(self, proxy: FaultProxy, account: Account, spec: ServerSpec) -> None:
        settled(Aws(account), Aws(account).ensure_server(spec, "k"))
        proxy.fault = Fault("cut", when=b"DescribeInstances", keep=900)
        error = error_of(Aws(account_at(proxy.port)).list_servers)
        assert error.kind in ("unreachable", "garbage")
        assert error.retry

    @pytest.mark.parametrize("kind", ["silence", "drip"])
    def test_an_endpoint_that_never_comes_to_an_end_is_left_in_time(self, proxy: FaultProxy, kind: Any) -> None:
        proxy.fault = Fault(kind)
        adapter = Aws(account_at(proxy.port))
        started = time.monotonic()
        error = error_of(lambda: calls.guarded(lambda: list(adapter.driver().nodes()), adapter, "list", 1.0))
        assert (error.kind, error.retry) == ("unreachable", True)
        assert time.monotonic() - started < 3

    def test_a_call_that_is_over_leaves_no_thread_behind(self, proxy: FaultProxy) -> None:
        proxy.fault = Fault("silence")
        adapter = Aws(account_at(proxy.port))
        error_of(lambda: calls.guarded(lambda: list(adapter.driver().nodes()), adapter, "left_behind", 0.5))
        until = time.monotonic() + 5
        while any(name == "aws.left_behind" for name in thread_names()):
            assert time.monotonic() < until
            time.sleep(0.05)

    @pytest.mark.parametrize("kind", ["drop_reply", "cut"])
    def test_a_reply_lost_after_the_create_is_adopted_not_doubled(
        self, proxy: FaultProxy, account: Account, spec: ServerSpec, kind: Any
    ) -> None:
        proxy.fault = Fault(kind, when=b"RunInstances", keep=40)
        server = settled(Aws(account), Aws(account_at(proxy.port)).ensure_server(spec, "k"))
        assert proxy.fault.hits == 1
        assert [one.id for one in Aws(account).list_servers().items] == [server.id]

    def test_a_create_whose_answer_and_second_look_are_lost_is_adopted_by_the_next_try(
        self, proxy: FaultProxy, account: Account, spec: ServerSpec
    ) -> None:
        adapter = Aws(account_at(proxy.port))
        proxy.fault = Fault("drop_reply", when=b"RunInstances")
        with patch.object(Aws, "node_of_key", return_value=None):
            error = error_of(lambda: adapter.ensure_server(spec, "k"))
        assert error.retry
        first = [one.id for one in Aws(account).list_servers().items]
        assert len(first) == 1
        assert settled(adapter, adapter.ensure_server(spec, "k")).id == first[0]
        assert len(Aws(account).list_servers().items) == 1

    def test_nothing_is_sent_twice_by_itself(self, proxy: FaultProxy) -> None:
        with patch.dict(os.environ, {"HTTP_PROXY": "http://192.0.2.1:9"}):
            proxy.fault = Fault("reset", times=9)
            error_of(Aws(account_at(proxy.port)).list_servers)
        assert proxy.connections == 1

    def test_a_slow_answer_is_waited_for(self, proxy: FaultProxy) -> None:
        proxy.fault = Fault("latency", seconds=0.5)
        assert Aws(account_at(proxy.port)).list_servers().complete


class TestAddresses:
    @pytest.mark.parametrize("endpoint", ["http://169.254.169.254", "http://10.1.2.3:5000", "http://[fe80::1]"])
    def test_a_forbidden_address_is_refused_before_a_packet_leaves(self, endpoint: str, left_loopback: list[str]) -> None:
        with patch("socket.getaddrinfo", side_effect=lambda host, *_a, **_k: [(2, 1, 6, "", (host, 0))]):
            error = error_of(Aws(account_at(1, config={"endpoint": endpoint})).list_servers)
        assert (error.kind, error.retry) == ("refused", False)

    def test_without_an_endpoint_it_is_aws_itself_and_the_tests_never_get_there(self, left_loopback: list[str]) -> None:
        error = error_of(Aws(account_at(1, config={"endpoint": ""})).list_servers)
        assert (error.kind, error.retry) == ("unreachable", True)
        assert left_loopback == ["ec2.eu-west-1.amazonaws.com"]
        left_loopback.clear()

    def test_a_session_token_goes_along_and_stays_secret(self) -> None:
        error = error_of(Aws(account_at(1, credentials={"session_token": "FwoGZXIvYXdz+/=="})).list_servers)
        assert "FwoGZX" not in str(error.extra) + error.message


def thread_names() -> list[str]:
    import threading

    return [thread.name for thread in threading.enumerate()]
