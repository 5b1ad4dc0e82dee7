"""`make keycloak`: a Keycloak until Ctrl-C. `make run KEYCLOAK=1`: the same one beside the portal, with a realm for it."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .errors import LaunchError
from .files import kept_secret
from .home import Lock, locked, make_folder, state_folder
from .keycloak import Keycloak, end_left_server
from .keycloak_home import VERSION, install
from .parts import manage
from .ports import asked_port, choose_ports
from .supervisor import Supervisor

PORTS = {"keycloak": 18180}
YES, NO = ("1", "yes", "true", "on"), ("", "0", "no", "false", "off")


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the portal is to have a Keycloak of ours beside it; LaunchError for what can be read in two ways."""
    text = environ.get("KEYCLOAK", "").lower()
    if text not in YES + NO:
        raise LaunchError(
            f"KEYCLOAK is {environ['KEYCLOAK']!r}; it takes 1 or 0. A Keycloak elsewhere is named by KEYCLOAK_URL."
        )
    if text in YES and environ.get("KEYCLOAK_URL"):
        raise LaunchError("KEYCLOAK=1 starts a Keycloak here and KEYCLOAK_URL names one elsewhere: choose one of the two.")
    return text in YES


@contextlib.contextmanager
def held(home: Path, *, wanted: bool) -> Iterator[Lock | None]:
    """Hold Keycloak's folder for a run with it. A run without it only ends what a killed one left there."""
    folder = home / "keycloak"
    if wanted:
        make_folder(folder)
        with locked(folder, who="Keycloak") as lock:
            yield lock
        return
    if folder.exists():
        with contextlib.suppress(LaunchError), locked(folder):  # else `make keycloak` runs, and that is as it should be
            end_left_server(home)
    yield None


def run_keycloak(say: Callable[[str], None]) -> None:
    """Install and start it, and look after it until Ctrl-C or SIGTERM."""
    home = make_folder(state_folder(os.environ, is_root=os.geteuid() == 0))
    folder = make_folder(home / "keycloak")
    with locked(folder, who="Keycloak") as lock:
        supervisor = Supervisor(say)
        try:
            keycloak = Keycloak(home, install(folder, say))
            keycloak.end_left()
            ports, changed = choose_ports(home / "ports.json", PORTS, {"keycloak": asked_port(os.environ)})
            for line in changed:
                say(line)
            say(f"Starting Keycloak {VERSION}.")
            supervisor.add(keycloak)
            keycloak.start(ports["keycloak"])
            lock.tell(keycloak.url)
            say(f"\nKeycloak runs at {keycloak.url}   (log: {keycloak.log}; Ctrl-C stops it)")
            say(
                f"Its administrator is the client {keycloak.admin_client_id} of realm master; its secret is in {keycloak.secret_file}."
            )
            say("`make run KEYCLOAK=1` runs it beside the portal and makes the portal's realm.")
            supervisor.watch()
        finally:
            for word in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(word, signal.SIG_IGN)
            say("Stopping.")
            supervisor.stop_all()


def realm_environment(keycloak: Keycloak) -> dict[str, str]:
    """The portal's settings for the realm `concord` of this server. Secrets stay the same from run to run."""
    return {
        "KEYCLOAK_URL": keycloak.url,
        "KEYCLOAK_REALM": "concord",
        "KEYCLOAK_CLIENT_ID": "portal",
        "KEYCLOAK_CLIENT_SECRET": kept_secret(keycloak.home / "keycloak-portal.secret"),
        "KEYCLOAK_ADMIN_CLIENT_ID": "sync",
        "KEYCLOAK_ADMIN_CLIENT_SECRET": kept_secret(keycloak.home / "keycloak-sync.secret"),
    }


def prepare_realm(keycloak: Keycloak, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the realm in it, once that is as described and the demo's people have accounts there.

    The administrator's secret is for the one command that describes the realm; the portal never has it.
    """
    with_realm = {**environment, **realm_environment(keycloak)}
    administrator = {
        "KC_BOOTSTRAP_ADMIN_CLIENT_ID": keycloak.admin_client_id,
        "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": keycloak.admin_client_secret,
    }
    manage(keycloak.home, {**with_realm, **administrator}, "sync_realm")
    manage(keycloak.home, with_realm, "seed_realm")
    return with_realm
