"""Which projects people of an identity provider may get into, and as what: read from the mapping and the assignments. Pure.

People who come through a mapping are members of the groups that it names, for as long as it says, and nothing is assigned to
them; so the roles of those groups are what a person can have.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from portal.clouds.base import marked as _
from portal.clouds.leases import LeaseTarget

Json = Mapping[str, Any]
NEVER_LENT = "admin"
"""Keystone and most services take who is admin of one project for the admin of all, so this role is left out of every lease."""
INHERITED = "OS-INHERIT:inherited_to"


def targets(projects: Iterable[Json], domains: Iterable[Json], assignments: Sequence[Json], rules: Any) -> list[LeaseTarget]:
    """The enabled projects in which a group of the mapping has a role, by name."""
    known = {str(project["id"]): project for project in projects}
    names = {str(domain["id"]): str(domain["name"]) for domain in domains}
    held = roles_held(assignments, rules)
    found = []
    for project in known.values():
        roles: dict[str, set[str]] = defaultdict(set)
        for scope, inherited in scopes_of(project, known):
            for role, group in held.get((scope, inherited), ()):
                roles[role].add(group)
        if roles and project.get("enabled", True) and not project.get("is_domain"):
            found.append(target_of(project, names.get(str(project["domain_id"]), ""), roles))
    return sorted(found, key=lambda target: (target.label, target.key))


def target_of(project: Json, domain: str, roles: Mapping[str, set[str]]) -> LeaseTarget:
    lent = {role: groups for role, groups in roles.items() if role != NEVER_LENT}
    detail = "; ".join(f"{role}: {', '.join(sorted(groups))}" for role, groups in sorted(lent.items()))
    problem = "" if lent else _("Only the role admin can be had there, which counts for the whole cloud and is never lent.")
    label = f"{project['name']} ({domain})" if domain else str(project["name"])
    return LeaseTarget(str(project["id"]), label, detail, problem)


def roles_held(assignments: Iterable[Json], rules: Any) -> dict[tuple[str, bool], set[tuple[str, str]]]:
    """Role and group by the project or domain they hold in, and whether only for what lies below it."""
    held: dict[tuple[str, bool], set[tuple[str, str]]] = defaultdict(set)
    for one in assignments:
        group, scope = one.get("group"), one.get("scope", {})
        place = scope.get("project") or scope.get("domain")
        inherited = INHERITED in scope
        if not group or not place or ("domain" in scope and not inherited) or not may_be_given(group, rules):
            continue
        held[str(place["id"]), inherited].add((str(one["role"]["name"]), str(group["name"])))
    return held


def scopes_of(project: Json, known: Mapping[str, Json]) -> Iterator[tuple[str, bool]]:
    """Where a role must be held to count in this project: in itself, or to be inherited from above."""
    yield str(project["id"]), False
    yield str(project["domain_id"]), True
    seen, above = set(), project.get("parent_id")
    while above in known and above not in seen:
        seen.add(above)
        yield str(above), True
        above = known[str(above)].get("parent_id")


def may_be_given(group: Json, rules: Any) -> bool:
    """Whether a mapping with these rules can make somebody a member of this group."""
    return any(is_meant(local, group) for rule in rules for local in rule.get("local", ()))


def is_meant(local: Json, group: Json) -> bool:
    """Whether this part of a rule names the group, or takes names or ids from the token and so may name any."""
    if "group_ids" in local:
        return True
    if "groups" in local:
        return is_in(group, local.get("domain"))
    one = local.get("group")
    if not isinstance(one, Mapping):
        return False
    if "id" in one:
        return bool(one["id"] == group["id"])
    return one.get("name") == group["name"] and is_in(group, one.get("domain"))


def is_in(group: Json, domain: Any) -> bool:
    """Whether the group is of this domain; a rule that names none leaves it to the token."""
    if not isinstance(domain, Mapping):
        return True
    own = group.get("domain", {})
    return all(own.get(name) == domain[name] for name in ("id", "name") if name in domain)
