"""Start what the tests talk to, before the settings are read: one real PostgreSQL for the run, and its template database.

Loaded as a plugin (`-p tests.servers`), in the main process only; the workers of a parallel run inherit the environment.
"""

import atexit
import base64
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.launcher.postgres import Postgres
from tests import keycloak_server

TEMPLATE = "concord_template"
ROOT = Path(__file__).resolve().parent.parent


def start() -> None:
    """PostgreSQL with its two roles, the migrated template, and the environment that the settings read."""
    home = Path(tempfile.mkdtemp(prefix="concord-tests-"))
    home.chmod(0o755)
    (home / "static").mkdir()
    postgres = Postgres(home)
    atexit.register(_stop, postgres, home, os.getpid())
    postgres.start(fsync="off", synchronous_commit="off", full_page_writes="off", max_connections="200")
    postgres.ensure_roles()
    postgres.ensure_database(TEMPLATE)
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    os.environ.update(
        DJANGO_SETTINGS_MODULE="portal.settings",
        TEST_ADMIN_URL=postgres.url("postgres", "admin"),
        DATABASE_URL=postgres.url(TEMPLATE, "app"),
        DATABASE_OWNER_URL=postgres.url(TEMPLATE, "owner"),
        SECRET_KEY=secrets.token_hex(32),
        PORTAL_KEYS=f"k1:{key}",
        PORTAL_SEAL_KEYS=f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        PORTAL_HOME=str(home),
        TEST_RUN_PID=str(os.getpid()),
        OUTBOUND_ALLOW="127.0.0.0/8",
        BROKER_URL="memory://",
        EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
        DEBUG="1",
    )
    for command in (["migrate", "--database=owner", "-v0"], ["sync_roles"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _stop(postgres: Postgres, home: Path, pid: int) -> None:
    if os.getpid() == pid:
        keycloak_server.end(home)
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


if "PYTEST_XDIST_WORKER" not in os.environ:
    start()
