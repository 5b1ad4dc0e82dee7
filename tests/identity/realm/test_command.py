"""`manage.py sync_realm` as an operator meets it: what it prints, how it ends, and one clear line when it cannot."""

import secrets
import socket
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from portal.identity.management.commands.sync_realm import SECRET
from portal.identity.realm.changes import found


def run(*arguments: str) -> tuple[int, list[str]]:
    """Its exit code and the lines it printed."""
    out = StringIO()
    try:
        call_command("sync_realm", *arguments, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


@pytest.fixture
def administrator(keycloak: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The secret where it belongs; gives the arguments that name the administrator."""
    monkeypatch.setenv(SECRET, keycloak.admin_client_secret)
    return ["--admin-client", keycloak.admin_client_id]


def test_a_realm_is_made_once_and_then_as_described(realm, administrator, keycloak):
    name = f"made-{secrets.token_hex(4)}"
    command = ["--realm", name, "--url", keycloak.url, *administrator]
    try:
        assert run("--check", *command) == (1, [f"realm {name}: create"])
        assert found(partial(realm.master.get_realm, name)) is None
        code, lines = run(*command)
        assert (code, lines[0]) == (0, f"realm {name}: create")
        assert "client portal: create" in lines
        for secret in (realm.client_secret, realm.admin_client_secret, keycloak.admin_client_secret):
            assert secret not in "\n".join(lines)
        assert run(*command) == (0, [f"The realm {name} is as described."])
        assert run("--check", *command) == (0, [f"The realm {name} is as described."])
    finally:
        if found(partial(realm.master.get_realm, name)):
            realm.master.delete_realm(name)


def test_a_check_prints_each_difference_and_ends_with_one(realm, administrator):
    realm.admin.update_realm(realm.name, {"displayName": "Other", "accessTokenLifespan": 9000})
    said = [f'realm {realm.name}: displayName: "Other" -> "Concord"', f"realm {realm.name}: accessTokenLifespan: 9000 -> 300"]
    assert run("--check", *administrator) == (1, said)
    assert run("--check", *administrator) == (1, said)
    assert run(*administrator) == (0, said)
    assert run("--check", *administrator)[0] == 0


def test_a_wrong_secret_or_client_is_one_line(realm, administrator, monkeypatch):
    with pytest.raises(CommandError, match="does not know the client nobody with this secret in the realm master") as refused:
        run("--admin-client", "nobody")
    assert refused.value.returncode == 2
    monkeypatch.setenv(SECRET, "guessed-1234567")
    with pytest.raises(CommandError, match="does not know the client") as refused:
        run(*administrator)
    assert "\n" not in str(refused.value)
    assert "guessed-1234567" not in str(refused.value)


def test_an_account_that_may_not_is_one_line(realm, keycloak, monkeypatch):
    name = f"weak-{secrets.token_hex(4)}"
    weak = {"clientId": name, "secret": "weak-secret", "serviceAccountsEnabled": True, "publicClient": False}
    key = realm.master.create_client(weak)
    monkeypatch.setenv(SECRET, "weak-secret")
    try:
        with pytest.raises(CommandError, match="Keycloak refuses: 403") as refused:
            run("--admin-client", name)
    finally:
        realm.master.delete_client(key)
    assert "\n" not in str(refused.value)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings that name a server on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv(SECRET, "any")
    with override_settings(KEYCLOAK_URL=url, KEYCLOAK_CLIENT_SECRET="one", KEYCLOAK_ADMIN_CLIENT_SECRET="two"):
        yield url


def test_a_server_that_does_not_answer_is_one_line(elsewhere):
    with pytest.raises(CommandError, match=f"Keycloak at {elsewhere}/? does not answer: ConnectionError") as refused:
        run()
    assert refused.value.returncode == 2
    assert "\n" not in str(refused.value)


def test_a_url_that_is_none_is_one_line(elsewhere):
    with pytest.raises(CommandError, match="does not answer"):
        run("--url", "keycloak")


@pytest.mark.parametrize(("code", "said"), [(404, "Keycloak refuses: 404"), (200, "is no Keycloak")])
def test_a_server_that_is_no_keycloak_is_one_line(elsewhere, code, said):
    class Pages(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(code)
            self.end_headers()
            self.wfile.write(b"<html>\nA page of something else\n</html>")

        def log_message(self, *_: Any) -> None:
            """In silence."""

    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(CommandError, match=said) as refused:
            run("--url", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("setting: {}", "unknown section setting"),
        ("clients: {x: {default_scope: []}}", "clients.x: unknown key 'default_scope'"),
        ("clients: {x: [}", "not YAML"),
        ("clients: {x: {secret: '${NO_SUCH_VARIABLE}'}}", r"\$\{NO_SUCH_VARIABLE\} has no value here"),
    ],
)
def test_a_description_that_is_wrong_is_one_line(elsewhere, tmp_path, text, said):
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(CommandError, match=f"wrong.yaml: {said}") as refused:
        run("--file", str(file))
    assert refused.value.returncode == 2
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_one_line(elsewhere, tmp_path: Path):
    with pytest.raises(CommandError, match=r"none.yaml: No such file or directory"):
        run("--file", str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("name", ["master", "", "../master", "a/b", "a b"])
def test_a_name_that_is_none_for_the_realm_is_refused(elsewhere, name):
    with pytest.raises(CommandError, match="no name for the portal's realm"):
        run("--realm", name)


def test_without_a_secret_or_a_server_it_says_which_to_set(elsewhere, monkeypatch):
    monkeypatch.delenv(SECRET)
    with pytest.raises(CommandError, match=f"Set {SECRET} to the secret of the client bootstrap"):
        run()
    with override_settings(KEYCLOAK_URL=""), pytest.raises(CommandError, match="Set KEYCLOAK_URL or give --url"):
        run()


def test_a_secret_that_the_description_needs_is_named(elsewhere):
    with (
        override_settings(KEYCLOAK_CLIENT_SECRET=""),
        pytest.raises(CommandError, match=r"KEYCLOAK_CLIENT_SECRET\} has no value"),
    ):
        run()
