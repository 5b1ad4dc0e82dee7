"""The environment that the portal's processes read, made of what the launcher started and of secrets kept in the state folder."""

import base64
import secrets
from pathlib import Path

from .files import kept_secret, write_private
from .postgres import Postgres
from .valkey import Valkey


def portal_environment(home: Path, postgres: Postgres, valkey: Valkey, *, database: str, public_url: str) -> dict[str, str]:
    """Every setting that the portal needs to run on this machine. Secrets stay the same from run to run."""
    return {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_HOME": str(home),
        "DATABASE_URL": postgres.url(database, "app"),
        "DATABASE_OWNER_URL": postgres.url(database, "owner"),
        "BROKER_URL": valkey.url(),
        "SECRET_KEY": kept_secret(home / "secret-key"),
        "PORTAL_KEYS": kept_keys(home / "portal-keys"),
        "PORTAL_SEAL_KEYS": kept_keys(home / "seal-keys"),
        "LAKE_URL": str(home / "lake"),
        "BLOB_URL": str(home / "blobs"),
        "PUBLIC_URL": public_url,
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "OUTBOUND_ALLOW": "127.0.0.0/8",
        "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
    }


def kept_keys(path: Path) -> str:
    """Keys of 32 bytes by their ids, one made at the first call.

    Without `portal-keys` no stored secret can be read again; without `seal-keys` no further event can be sealed under that id.
    """
    if not path.exists():
        write_private(path, f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}")
    return path.read_text(encoding="utf-8").strip()
