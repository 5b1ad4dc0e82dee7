"""Who is in the demo, and what each of them may do where."""

import secrets
from dataclasses import dataclass

from portal.identity.accounts import create_local_account
from portal.users.actor import Actor
from portal.users.models import User


@dataclass(frozen=True, slots=True)
class Part:
    """One person of the cast: her roles are (role, name of the scope); `domain` is that of her mail."""

    username: str
    name: str
    roles: tuple[tuple[str, str], ...]
    does: str
    domain: str = "nordwind.example"


MEI = (("approver", "Retail"), ("approver", "华东研发中心"), ("tenant_admin", "华东研发中心"))
CAST = (
    Part("erin", "Erin Tanaka", (("organization_admin", "Nordwind Group"),), "organization admin"),
    Part("alice", "Alice Brandt", (("member", "web"), ("member", "数据分析平台")), "member, orders services"),
    Part("bob", "Bob Okafor", (("approver", "Retail"), ("approver", "Logistics")), "approver, decides on orders"),
    Part("carol", "Carol Lindqvist", (("finance", "Nordwind Group"),), "finance"),
    Part("dave", "Dave Novák", (("operator", "Nordwind Group"),), "operator, connects clouds"),
    Part("mei", "Mei Chen", MEI, "approver and tenant admin"),
    Part("jonas", "Jonas Weber", (("member", "Kundenportal-Digitalisierung Mittelstand Phase 2"),), "member"),
    Part("nadia", "Nadia Rahman", (("member", "fleet"), ("member", "warehouse")), "member, runs the fleet"),
    Part(
        "mallory",
        "Mallory Stone",
        (("organization_admin", "Südwind Werke"),),
        "admin of another organization",
        "suedwind.example",
    ),
)


def make_people(*, actor: Actor) -> dict[str, tuple[User, str]]:
    """An account with a random password for each of the cast: name -> (user, password)."""
    made = {}
    for part in CAST:
        password = secrets.token_urlsafe(12)
        user = create_local_account(
            part.username, name=part.name, email=f"{part.username}@{part.domain}", password=password, actor=actor
        )
        made[part.username] = (user, password)
    return made
