"""Debian's slapd on loopback with a small directory in it, for tests."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.identity.upstream import free_port

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
BASE = "dc=example,dc=org"
ADMIN, PASSWORD = f"cn=admin,{BASE}", "directory-test"
CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {home}/slapd.pid
argsfile {home}/slapd.args
database mdb
maxsize 16777216
suffix "{base}"
rootdn "{admin}"
rootpw {password}
directory {home}/data
"""
PEOPLE = f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: uid=lena,ou=people,{BASE}
objectClass: inetOrgPerson
uid: lena
cn: Lena Lind
givenName: Lena
sn: Lind
mail: lena@directory.example
userPassword: lena-test

dn: cn=readers,ou=groups,{BASE}
objectClass: groupOfNames
cn: readers
member: uid=lena,ou=people,{BASE}

dn: cn=admins,ou=groups,{BASE}
objectClass: groupOfNames
cn: admins
member: {ADMIN}
"""


@dataclass(frozen=True)
class Directory:
    """A running directory; `change` takes LDIF."""

    url: str

    def change(self, ldif: str) -> None:
        command = ["ldapmodify", "-x", "-H", self.url, "-D", ADMIN, "-w", PASSWORD]
        subprocess.run(command, input=ldif, text=True, check=True, capture_output=True, timeout=30)


@contextmanager
def running_directory(home: Path) -> Iterator[Directory]:
    """slapd with its own configuration and data below `home`, ended at the end."""
    assert SLAPD
    (home / "data").mkdir()
    config, port = home / "slapd.conf", free_port()
    config.write_text(CONFIG.format(home=home, base=BASE, admin=ADMIN, password=PASSWORD))
    (home / "people.ldif").write_text(PEOPLE)
    adds = [SLAPD, "-T", "add", "-f", str(config), "-l", str(home / "people.ldif")]
    subprocess.run(adds, check=True, capture_output=True, timeout=60)
    url = f"ldap://127.0.0.1:{port}"
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([SLAPD, "-f", str(config), "-h", url, "-d", "0"], stdout=log, stderr=log)
    try:
        _wait(url, process)
        yield Directory(url)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _try in range(100):
        if subprocess.run(["ldapwhoami", "-x", "-H", url], capture_output=True, timeout=30).returncode == 0:
            return
        assert process.poll() is None, "slapd ended"
        time.sleep(0.1)
    raise AssertionError("slapd does not answer")
