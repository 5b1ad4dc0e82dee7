"""A real Keystone behind a real Apache, which lets in only tokens that a realm of Keycloak signed for it. Loopback alone.

Keystone, its database made once and its keys stay in `.portal/keystone` from run to run; a server works on a copy.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from scripts.bootstrap import index_of_pip
from scripts.launcher.errors import LaunchError, Unobtainable
from scripts.launcher.files import kept_secret, last_line
from scripts.launcher.home import ROOT, make_folder
from scripts.launcher.keycloak_home import alone_in
from scripts.launcher.ports import any_port

KEPT = ROOT / ".portal" / "keystone"
PACKAGES = Path(__file__).with_name("keystone.txt")
WSGI = Path(__file__).with_name("keystone_wsgi.py")
UV = Path(sys.executable).parent / "uv"
APACHE = shutil.which("apache2", path="/usr/sbin:/usr/local/sbin:/usr/bin")
SETPRIV = shutil.which("setpriv")
MODULES = Path("/usr/lib/apache2/modules")
LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_uwsgi", "auth_openidc")
CONFIG = """
[DEFAULT]
log_file = {home}/keystone.log
[database]
connection = sqlite:///{home}/keystone.db
[fernet_tokens]
key_repository = {home}/fernet
[credential]
key_repository = {home}/credential
[cache]
# as real clouds have it; without it an answer takes 200 ms of processor time
enabled = true
backend = dogpile.cache.memory
[application_credential]
caching = false
[identity]
password_hash_algorithm = bcrypt
password_hash_rounds = 4
[auth]
methods = password,token,openid,mapped,application_credential
[federation]
# variables, not headers: a client can send any header (they arrive as HTTP_*), it can set no variable
assertion_prefix = OIDC_CLAIM_
[openid]
remote_id_attribute = OIDC_CLAIM_iss
"""
# Besides the modules and the certificates: a token is for Keystone and of this realm, or Apache does not pass it on
SITE = """
ServerRoot "{home}"
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {home}/apache.pid
DefaultRuntimeDir {home}
ErrorLog {home}/apache.log
LogLevel warn
StartServers 1
ServerLimit 2
ThreadsPerChild 10
MaxRequestWorkers 20
{modules}
{certificates}
OIDCCryptoPassphrase {passphrase}
OIDCClaimDelimiter ;
OIDCPassClaimsAs environment
OIDCOAuthRemoteUserClaim sub
OIDCOAuthTokenExpiryClaim exp absolute mandatory
<Location ~ "^/v3/OS-FEDERATION/identity_providers/[^/]+/protocols/[^/]+/auth$">
  AuthType oauth20
  <RequireAll>
    Require claim iss:{issuer}
    Require claim aud:keystone
  </RequireAll>
</Location>
ProxyPass / uwsgi://127.0.0.1:{inner}/
"""


def install() -> Path:
    """The environment that Keystone runs in, and beside it `template`: a database with its administrator. Made once."""
    if APACHE is None or not (MODULES / "mod_auth_openidc.so").exists():
        raise Unobtainable("Apache is not here: apt install apache2-bin libapache2-mod-auth-openidc")
    make_folder(KEPT.parent)
    make_folder(KEPT)
    mark = hashlib.sha256(PACKAGES.read_bytes() + CONFIG.encode() + sys.version.encode()).hexdigest()
    with alone_in(KEPT):
        done = KEPT / "done"
        if not done.exists() or done.read_text() != mark:
            done.unlink(missing_ok=True)
            make_environment(KEPT / "venv")
            make_template(KEPT / "template")
            done.write_text(mark)
    return KEPT


def make_environment(venv: Path) -> None:
    shutil.rmtree(venv, ignore_errors=True)
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    index = index_of_pip(Path(sys.executable))
    run(UV, "pip", "install", "--quiet", "--python", venv / "bin" / "python", "-r", PACKAGES, **index)


def make_template(template: Path) -> None:
    shutil.rmtree(template, ignore_errors=True)
    for folder in (template, template / "fernet", template / "credential"):
        folder.mkdir(mode=0o700)
    (template / "keystone.conf").write_text(CONFIG.format(home=template))
    manage = (KEPT / "venv" / "bin" / "keystone-manage", "--config-file", template / "keystone.conf")
    run(*manage, "db_sync")
    user = str(os.geteuid())
    for keys in ("fernet_setup", "credential_setup"):
        run(*manage, keys, "--keystone-user", user, "--keystone-group", str(os.getegid()))
    password = kept_secret(template / "admin.secret")
    where = ("--bootstrap-public-url", "http://127.0.0.1:9/v3", "--bootstrap-region-id", "north")
    run(*manage, "bootstrap", *where, OS_BOOTSTRAP_PASSWORD=password)


def run(*command: str | Path, **environment: str) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise LaunchError(f"{Path(command[0]).name} failed: {done.stdout[-2000:]}")


class Keystone:
    """A server in a folder of its own. `url` ends with /v3; `ask` speaks as its administrator."""

    def __init__(self, home: Path, issuer: str) -> None:
        self.home, self.issuer = home, issuer
        self.port, self.inner = any_port(), any_port()
        self.url = f"http://127.0.0.1:{self.port}/v3"
        self.python = KEPT / "venv" / "bin" / "python"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.token = ""

    def start(self) -> None:
        shutil.copytree(KEPT / "template", self.home, dirs_exist_ok=True)
        (self.home / "keystone.conf").write_text(CONFIG.format(home=self.home))
        (self.home / "apache.conf").write_text(self.site())
        uwsgi = [str(self.python.with_name("uwsgi")), "--socket", f"127.0.0.1:{self.inner}", "--need-app", "--die-on-term"]
        uwsgi += ["-H", str(KEPT / "venv"), "--wsgi-file", str(WSGI), "--buffer-size", "65535", "--threads", "4"]
        self.launch("uwsgi", uwsgi, OS_KEYSTONE_CONFIG_FILES=str(self.home / "keystone.conf"))
        assert APACHE
        self.launch("apache", [APACHE, "-DFOREGROUND", "-f", str(self.home / "apache.conf")])
        self.wait()
        self.sign_in()
        for endpoint in self.ask("GET", "endpoints")["endpoints"]:
            self.ask("PATCH", f"endpoints/{endpoint['id']}", {"endpoint": {"url": self.url}})

    def launch(self, name: str, command: list[str], **environment: str) -> None:
        """Start it, to end with us however we end."""
        command = [SETPRIV, "--pdeathsig", "TERM", *command] if SETPRIV else command
        with (self.home / f"{name}.out").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    command,
                    cwd=self.home,
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def site(self) -> str:
        """Apache's configuration; this module takes certificates and no plain http for keys, so a new key wants a new start."""
        lines = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED]
        if os.geteuid() == 0:
            lines += ["User nobody", "Group nogroup"]
        keys = requests.get(f"{self.issuer}/protocol/openid-connect/certs", timeout=30).json()["keys"]
        certificates = []
        for key in (key for key in keys if key["use"] == "sig"):
            path = self.home / f"{key['kid']}.crt"
            body = "\n".join(textwrap.wrap(key["x5c"][0], 64))
            path.write_text(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
            certificates.append(f"OIDCOAuthVerifyCertFiles {key['kid']}#{path}")
        return SITE.format(
            home=self.home, port=self.port, inner=self.inner, issuer=self.issuer, passphrase=secrets.token_hex(16),
            modules="\n".join(lines), certificates="\n".join(certificates),
        )  # fmt: skip

    def wait(self, within_s: float = 120) -> None:
        until = time.monotonic() + within_s
        while True:
            with contextlib.suppress(requests.RequestException):
                if requests.get(self.url, timeout=20).ok:
                    return
            if time.monotonic() > until or any(process.poll() is not None for process in self.processes):
                said = [f"{path.name}: {last_line(path)}" for path in self.home.glob("*.out")]
                raise LaunchError(f"Keystone did not come up: {'; '.join(said)}")
            time.sleep(0.1)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)

    def sign_in(self) -> None:
        domain = {"id": "default"}
        user = {"name": "admin", "domain": domain, "password": (self.home / "admin.secret").read_text()}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": "admin", "domain": domain}}
        self.token = self.token_for(identity, scope)

    def token_for(self, identity: dict[str, Any], scope: dict[str, Any] | None = None) -> str:
        auth = {"identity": identity, **({"scope": scope} if scope else {})}
        answer = requests.post(f"{self.url}/auth/tokens", json={"auth": auth}, timeout=30)
        answer.raise_for_status()
        return answer.headers["X-Subject-Token"]

    def ask(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        """What Keystone answers its administrator, or whose token this is; a refusal raises."""
        headers = {"X-Auth-Token": token or self.token}
        answer = requests.request(method, f"{self.url}/{path}", json=body, headers=headers, timeout=30)
        if not answer.ok:
            raise requests.HTTPError(f"{answer.status_code} {answer.text[:500]}", response=answer)
        return answer.json() if answer.content else None


@contextlib.contextmanager
def running_keystone(home: Path, issuer: str) -> Iterator[Keystone]:
    """Keystone for the people of this issuer, ended at the end."""
    install()
    server = Keystone(home, issuer)
    try:
        server.start()
        yield server
    finally:
        server.stop()
