"""`make run`: everything Concord needs on one machine, under one supervisor, until Ctrl-C."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .environment import portal_environment
from .errors import LaunchError, PortTaken
from .files import open_log
from .home import ROOT, Lock, locked, make_folder, read_json, state_folder, write_json
from .keycloak import Keycloak
from .keycloak_home import install
from .keycloak_run import PORTS as KEYCLOAK_PORTS
from .keycloak_run import held, is_wanted, prepare_realm
from .parts import manage, prepare
from .ports import LOOPBACK, asked_port, choose_ports, free_port_from, hold
from .postgres import Postgres
from .supervisor import Child, Supervisor, end_left_children, wait_until_listening
from .valkey import Valkey

PORTS = {"web": 8000, "postgres": 15432, "valkey": 16379, "managed": 15433, "aws-1": 15001, "aws-2": 15002}
DATABASE = "concord"
Server = Postgres | Valkey | Keycloak
BEGUN, DONE = "demo-begun", "demo-seeded"
MADE_BY_THE_SEED = ("aws-*.state*", "managed-*", "valkey", "lake", "blobs", "mail", "demo-people.json")
PAST = {"BROKER_URL": "memory://", "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
"""The seed is its own worker, and the mail of the past was read long ago. What is due now the sweepers hand out."""


@dataclass
class Site:
    """One run of the portal on this machine."""

    home: Path
    ports: dict[str, int]
    supervisor: Supervisor
    say: Callable[[str], None]
    held: dict[str, socket.socket | None] = field(default_factory=dict)

    def hold_ports(self) -> None:
        """Keep every port that was chosen from others until its server starts: another run may choose at this moment."""
        self.held = {name: hold(port) for name, port in self.ports.items()}

    def let_go(self, name: str) -> int:
        """The port, free for its server to listen on."""
        if (held := self.held.pop(name, None)) is not None:
            held.close()
        return self.ports[name]

    def take_next(self, name: str) -> None:
        """Another took the port meanwhile: the next free one, from now on."""
        before = self.ports[name]
        self.ports[name] = free_port_from(before + 1, avoid=frozenset(self.ports.values()))
        book = self.home / "ports.json"
        write_json(book, {**read_json(book, {}), **self.ports})
        self.say(f"Port {before} is taken, so {name} uses {self.ports[name]}.")

    @property
    def url(self) -> str:
        """Where people find the portal."""
        return f"http://{LOOPBACK}:{self.ports['web']}"

    @property
    def second_aws(self) -> str:
        """The endpoint of the account that is not connected yet."""
        return f"http://{LOOPBACK}:{self.ports['aws-2']}"


def run(say: Callable[[str], None]) -> None:
    """Start everything and look after it until Ctrl-C or SIGTERM; raises LaunchError when it cannot go on."""
    wanted = is_wanted(os.environ)
    home = make_folder(state_folder(os.environ, is_root=os.geteuid() == 0))
    with locked(home) as lock, held(home, wanted=wanted) as keycloak_lock:
        supervisor = Supervisor(say)
        try:
            if left := end_left_children(home):
                say(f"Ended what an earlier run had left: {', '.join(left)}.")
            serve(home, supervisor, lock, keycloak_lock, say)
        finally:
            for word in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(word, signal.SIG_IGN)
            say("Stopping.")
            supervisor.stop_all()


def serve(home: Path, supervisor: Supervisor, lock: Lock, keycloak_lock: Lock | None, say: Callable[[str], None]) -> None:
    """Servers, tables, demo, realm, portal; in this order, each when the one before is ready."""
    say(f"Concord keeps its state in {home}.")
    postgres, valkey, managed = Postgres(home), Valkey(home), Postgres(home, name="managed")
    keycloak = Keycloak(home, install(home / "keycloak", say)) if keycloak_lock else None
    servers: list[Server] = [postgres, valkey, managed, *([keycloak] if keycloak else [])]
    for server in servers:
        server.end_left()
    half_seeded = (home / BEGUN).exists()
    if half_seeded:
        say("The first start was cut short; the demo is made anew.")
        remove_half_made(home)
    site = open_site(home, PORTS | KEYCLOAK_PORTS if keycloak else PORTS, supervisor, say)
    for server in servers:
        supervisor.add(server)
        start_server(site, server)
    postgres.ensure_roles()
    if half_seeded:
        postgres.drop_database(DATABASE)
    postgres.ensure_database(DATABASE)
    environment = site_environment(site, postgres, valkey, managed)
    say("Bringing the database up to date.")
    prepare(home, environment)
    start_clouds(site)
    seed(site, environment)
    if keycloak and keycloak_lock:
        keycloak_lock.tell(keycloak.url)
        environment = prepare_realm(keycloak, environment)
    start_portal(site, environment)
    lock.tell(site.url)
    greet(site)
    supervisor.watch()


def open_site(home: Path, wanted: Mapping[str, int], supervisor: Supervisor, say: Callable[[str], None]) -> Site:
    """A site on free ports, those of the last run where they still are, kept from others until their servers start."""
    ports, changed = choose_ports(home / "ports.json", wanted, {"web": asked_port(os.environ)})
    for line in changed:
        say(line)
    site = Site(home, ports, supervisor, say)
    site.hold_ports()
    return site


def start_server(site: Site, server: Server) -> None:
    """Start it on its port, or on the next one where somebody was quicker."""
    while True:
        try:
            server.start(site.let_go(server.name))
        except PortTaken:
            site.take_next(server.name)
        else:
            return


def site_environment(site: Site, postgres: Postgres, valkey: Valkey, managed: Postgres) -> dict[str, str]:
    """The portal's environment with the demo in it."""
    clouds = ",".join(f"http://{LOOPBACK}:{site.ports[name]}" for name in ("aws-1", "aws-2"))
    return {
        **portal_environment(site.home, postgres, valkey, database=DATABASE, public_url=site.url),
        "PORTAL_DEMO": "1",
        "PORTAL_DEMO_AWS_URLS": clouds,
        "PORTAL_DEMO_PG_URL": managed.url(),
    }


def start_clouds(site: Site) -> None:
    """Two simulated AWS accounts, as an earlier run left them."""
    clouds = []
    for name in ("aws-1", "aws-2"):
        command = [
            sys.executable,
            "-m",
            "scripts.launcher.demo_aws",
            str(site.let_go(name)),
            str(site.home / f"{name}.state"),
        ]
        clouds.append(Child(name, command, site.home, {}, patience_s=1))
        site.supervisor.start(clouds[-1])
    for cloud in clouds:
        wait_until_listening(site.ports[cloud.name], limit_s=90, part=cloud)


def seed(site: Site, environment: dict[str, str]) -> None:
    """Fill the demo organization, once. A seed that was cut short is begun again from nothing at the next start."""
    if (site.home / DONE).exists():
        return
    site.say("Filling the demo organization with sixty days of history; this takes half a minute.")
    (site.home / BEGUN).touch()
    populate(site)
    manage(site.home, {**environment, **PAST}, "seed_demo")
    (site.home / DONE).touch()
    (site.home / BEGUN).unlink()


def populate(site: Site) -> None:
    """Put servers that nobody ordered into the accounts: a few into the one that is connected, more into the other."""
    for name, estate in (("aws-1", "few"), ("aws-2", "many")):
        command = [sys.executable, "-m", "scripts.launcher.demo_estate", str(site.ports[name]), estate]
        with open_log(site.home / "logs" / "setup.log") as log:
            done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
        if done.returncode:
            raise LaunchError(f"The demo's servers could not be made; see {site.home / 'logs' / 'setup.log'}")


def remove_half_made(home: Path) -> None:
    """Remove what a cut-short seed had put beside the database."""
    for pattern in MADE_BY_THE_SEED:
        for path in home.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def start_portal(site: Site, environment: dict[str, str]) -> None:
    """Web, worker and beat."""
    python, celery = sys.executable, [sys.executable, "-m", "celery", "-A", "portal"]
    bind = ["--bind", f"{LOOPBACK}:{site.let_go('web')}", "--workers", "2", "--threads", "4"]
    web = [python, "-m", "gunicorn", "portal.wsgi", *bind, "--graceful-timeout", "4", "--no-control-socket"]
    worker = [*celery, "worker", "--concurrency", "2", "--loglevel", "INFO", "--without-mingle", "--without-gossip"]
    beat = [*celery, "beat", "--loglevel", "INFO", "--schedule", str(site.home / "beat-schedule"), "--pidfile="]
    serving = Child("web", web, site.home, environment)
    site.supervisor.start(serving)
    site.supervisor.start(Child("worker", worker, site.home, environment, patience_s=6, last_word=signal.SIGQUIT))
    site.supervisor.start(Child("beat", beat, site.home, environment, patience_s=2))
    wait_until_listening(site.ports["web"], limit_s=60, part=serving)


def greet(site: Site) -> None:
    """Say where the portal is and who can sign in."""
    site.say(f"\nConcord runs at {site.url}   (logs: {site.home / 'logs'}; Ctrl-C stops it)")
    people = read_json(site.home / "demo-people.json", [])
    for person in people:
        site.say(f"  {person['username']:<10} {person['password']:<28} {person['role']}")
    site.say(f"They sign in {how_people_sign_in(site)}.")
    site.say(f"Mail to them goes to {site.home / 'mail'}. Connect a second AWS, as dave: {site.second_aws}, any key will do.")


def how_people_sign_in(site: Site) -> str:
    """With what, in words."""
    if "keycloak" in site.ports:
        return f"with the portal's own accounts, or with Keycloak at http://{LOOPBACK}:{site.ports['keycloak']}"
    if os.environ.get("KEYCLOAK_URL"):
        return f"with the portal's own accounts; others with Keycloak at {os.environ['KEYCLOAK_URL']}"
    return "with the portal's own accounts; `make run KEYCLOAK=1` adds Keycloak"
