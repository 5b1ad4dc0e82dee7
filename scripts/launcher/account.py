"""The account that servers run under: oneself, or `nobody` when one is root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from .errors import LaunchError


class Identity(TypedDict, total=False):
    """Arguments of `subprocess` that choose who a process runs as; empty means oneself."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """Who a server runs as."""

    identity: Identity

    @property
    def is_other(self) -> bool:
        """Whether this is another account than the one we run as."""
        return bool(self.identity)

    def own(self, path: Path) -> None:
        """Give a file or folder to this account."""
        if self.is_other:
            os.chown(path, self.identity["user"], self.identity["group"])

    def can_run(self, program: Path) -> bool:
        """Whether this account can walk to a program and start it."""
        return not self.is_other or self._passes("-x", program)

    def can_enter(self, folder: Path) -> bool:
        """Whether this account can walk into a folder."""
        return not self.is_other or self._passes("-x", folder)

    def _passes(self, flag: str, path: Path) -> bool:
        found = subprocess.run(["/usr/bin/test", flag, str(path)], cwd="/", check=False, **self.identity)
        return found.returncode == 0


def server_account() -> Account:
    """Servers never run as root: PostgreSQL refuses to, and Valkey has no need to."""
    if os.geteuid() != 0:
        return Account({})
    nobody = pwd.getpwnam("nobody")
    return Account({"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []})


def require_entry(account: Account, folder: Path) -> None:
    """Refuse a folder the servers' account cannot walk to; the folders above it are never opened for it."""
    if not account.can_enter(folder):
        raise LaunchError(
            f"As root the servers run as 'nobody', who cannot reach {folder}: "
            "set PORTAL_HOME to a folder whose parents everyone may enter, such as /var/lib/concord."
        )


def runnable_copy(account: Account, folder: Path, program: str, *, copies: Path, version: str) -> Path:
    """`folder` itself, or its copy below `copies` when the account cannot reach `program` in it.

    The copy is made once for each version and is complete or absent.
    """
    if account.can_run(folder / program):
        return folder
    copy = copies / f"{folder.name}-{version}"
    if not copy.exists():
        copies.mkdir(exist_ok=True)
        copies.chmod(0o755)
        new = copies / f"{copy.name}.new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(folder, new, symlinks=True)
        new.replace(copy)
    return copy
