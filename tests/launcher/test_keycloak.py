"""The server of `make keycloak` comes up again whatever happened to it, and keeps to loopback."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts.launcher.errors import LaunchError, PortTaken
from scripts.launcher.home import ROOT
from scripts.launcher.keycloak import Keycloak, own_home
from scripts.launcher.keycloak_home import Distribution
from tests.keycloak import RunningKeycloak

HALF_MADE = b"half a database"


@pytest.fixture(scope="module")
def server(keycloak_distribution: Distribution) -> Iterator[Keycloak]:
    """A server of this module's own, up. Its folder has a space in its name, and an earlier first start was cut short."""
    folder = Path(tempfile.mkdtemp(prefix="concord-launcher-"))
    folder.chmod(0o755)
    server = Keycloak(folder / "my state", keycloak_distribution)
    folder.joinpath("my state").mkdir(mode=0o711)
    database = server.folder / "data" / "h2" / "keycloakdb.mv.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(HALF_MADE)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def call(url: str, data: dict[str, str] | None = None, token: str = "") -> dict[str, object]:
    body = urllib.parse.urlencode(data).encode() if data else None
    request = urllib.request.Request(url, body, {"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def token_of(url: str, client: str, secret: str) -> str:
    data = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    return str(call(f"{url}/realms/master/protocol/openid-connect/token", data)["access_token"])


def sign_in(server: Keycloak) -> str:
    return token_of(server.url, server.admin_client_id, server.admin_client_secret)


def make_realm(server: Keycloak, name: str) -> None:
    headers = {"Authorization": f"Bearer {sign_in(server)}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/admin/realms", json.dumps({"realm": name}).encode(), headers)
    urllib.request.urlopen(request, timeout=30).close()


def family(server: Keycloak) -> list[psutil.Process]:
    """The script and its Java."""
    assert server.process is not None
    script = psutil.Process(server.process.pid)
    return [script, *script.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_the_administrator_is_a_service_account_with_a_secret_in_a_private_file(server: Keycloak) -> None:
    assert sign_in(server)
    assert server.secret_file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(urllib.error.HTTPError, match="401"):
        token_of(server.url, server.admin_client_id, "guessed")
    told = " ".join(word for process in family(server) for word in process.cmdline())
    assert server.admin_client_secret not in told


def test_it_listens_on_loopback_alone(server: Keycloak) -> None:
    connections = [c for process in family(server) for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert server.port in {connection.laddr.port for connection in connections}
    assert {connection.laddr.ip.removeprefix("::ffff:") for connection in connections} == {"127.0.0.1"}


def test_its_issuer_is_its_address_whatever_a_caller_says(server: Keycloak) -> None:
    request = urllib.request.Request(
        f"{server.url}/realms/master/.well-known/openid-configuration", headers={"Host": "evil.example"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["issuer"] == f"{server.url}/realms/master"


def test_the_server_never_runs_as_root_and_cannot_change_its_own_programs(server: Keycloak) -> None:
    assert len(family(server)) == 2
    for process in family(server):
        assert 0 not in {*process.uids(), *process.gids()}
    if os.geteuid() == 0:
        written = subprocess.run(
            ["/usr/bin/test", "-w", str(server.folder / "lib" / "quarkus-run.jar")], check=False, **server.account.identity
        )
        assert written.returncode == 1


def test_a_taken_port_is_named_before_a_java_is_started(server: Keycloak, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        second = Keycloak(home, server.distribution)
        with pytest.raises(PortTaken, match=f"Port {taken} is taken"):
            second.start(taken)
        assert second.process is None


def test_what_it_stored_is_there_again_after_kill_9_of_the_script_which_leaves_its_java_running(server: Keycloak) -> None:
    make_realm(server, "kept")
    before, port = family(server), server.port
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    assert alive(before) == before[1:]
    server.start_again()
    assert not alive(before)
    assert server.port == port
    assert call(f"{server.url}/realms/kept")["realm"] == "kept"


def test_a_stop_after_the_script_was_killed_ends_its_java_and_the_orphan_of_a_killed_launcher_is_replaced(
    server: Keycloak,
) -> None:
    before = family(server)
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.stop()
    assert not alive(before)
    script = (
        "import os, sys; from pathlib import Path; from scripts.launcher.keycloak import Keycloak;"
        "from scripts.launcher.keycloak_home import Distribution;"
        "server = Keycloak(Path(sys.argv[1]), Distribution(*map(Path, sys.argv[2:]))); server.start();"
        "print(server.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", script, server.home, server.distribution.home, server.distribution.java]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    script_process = psutil.Process(int(killed.stdout))
    orphans = [script_process, *script_process.children()]
    assert len(alive(orphans)) == 2
    server.start()
    assert not alive(orphans)
    assert sign_in(server)


def test_a_process_that_merely_mentions_the_folder_is_left_alone(server: Keycloak) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()", f"{own_home(server.folder)}-2"], stdin=subprocess.PIPE
    ) as stranger:
        Keycloak(server.home / "another", server.distribution).end_left()
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert len(alive(family(server))) == 2


def test_a_lost_secret_is_named(server: Keycloak) -> None:
    aside = server.secret_file.rename(server.secret_file.with_suffix(".aside"))
    try:
        with pytest.raises(LaunchError, match=r"keycloak-admin\.secret is missing"):
            Keycloak(server.home, server.distribution).start()
    finally:
        aside.rename(server.secret_file)
    assert len(alive(family(server))) == 2


def test_a_first_start_that_was_cut_short_was_begun_anew(server: Keycloak) -> None:
    database = server.folder / "data" / "h2" / "keycloakdb.mv.db"
    assert not database.read_bytes().startswith(HALF_MADE)
    assert sign_in(server)


def test_the_run_has_a_server_of_its_own(keycloak: RunningKeycloak) -> None:
    assert token_of(keycloak.url, keycloak.admin_client_id, keycloak.admin_client_secret)
