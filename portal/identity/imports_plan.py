"""What each row of an import does, and what rows are held against: the tree, and the people who may be named. Read once."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from portal.access.models import Assignment, Group, Scope, ScopeState
from portal.core.errors import PortalError, Refused
from portal.identity.imports_csv import Row
from portal.identity.models import Import
from portal.tenancy.services import slug_of
from portal.users.actor import Actor
from portal.users.models import User, UserKind

CREATE, CHANGE, SAME, WRONG = OUTCOMES = ("create", "change", "same", "wrong")
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One row: what it would do to what, in words, and the ids and values that carrying it out takes."""

    line: int
    outcome: str
    subject: str
    said: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    was: str = ""

    @property
    def alters(self) -> bool:
        """Whether it creates or changes something."""
        return self.outcome in (CREATE, CHANGE)


def digest_of(steps: Iterable[Step]) -> str:
    """A seal on what would be done, whatever language it is said in."""
    bare = [[step.line, step.outcome, step.subject, step.facts] for step in steps]
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()


def counts_of(steps: Sequence[Step]) -> dict[str, int]:
    """How many rows there are of each outcome."""
    return {outcome: sum(step.outcome == outcome for step in steps) for outcome in OUTCOMES}


def stored(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """As JSON keeps them."""
    return [asdict(step) for step in steps]


def restored(plan: Iterable[dict[str, Any]]) -> list[Step]:
    """As they were before."""
    return [Step(**step) for step in plan]


def wrong(row: Row, subject: str, why: str) -> Step:
    """A row that cannot be carried out."""
    return Step(row.line, WRONG, subject[:200], why)


def words_of(error: PortalError) -> str:
    """What a refusal says, with what it says of its fields."""
    said = [text for texts in error.extra.get("fields", {}).values() for text in texts]
    return " ".join(map(str, said)) or str(error)


class Once:
    """Tells a row that speaks of the same thing as an earlier one."""

    def __init__(self) -> None:
        self.lines: dict[Any, int] = {}

    def check(self, key: Any, row: Row) -> None:
        """Raise where an earlier row is about it."""
        first = self.lines.setdefault(key, row.line)
        if first != row.line:
            raise Refused(_("Line %(line)s is about the same already.") % {"line": first})


@dataclass(slots=True)
class Node:
    """A scope of the tree; without `scope` one that an earlier row makes."""

    name: str
    kind: str
    path: str
    depth: int
    cost_centre: str = ""
    scope: Scope | None = None
    below: dict[str, "Node"] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.scope is None or self.scope.state == ScopeState.ACTIVE

    def add(self, name: str, kind: str, cost_centre: str = "") -> "Node":
        """A scope that will be in it; who may do something here may do it there."""
        made = Node(name, kind, self.path, self.depth + 1, cost_centre)
        self.below[slug_of(name)] = made
        return made


def tree_below(top: Scope, actor: Actor) -> Node:
    """What she sees of a scope and all below it."""
    found = Scope.objects.visible_to(actor).filter(path__within=top.path).order_by("path")
    nodes: dict[str, Node] = {}
    for scope in found.select_related("owner"):
        path = str(scope.path)
        node = Node(scope.name, scope.scope_kind, path, path.count("."), scope.cost_centre, scope)
        nodes[path] = node
        parent = nodes.get(path.rpartition(".")[0])
        if parent is not None:
            parent.below[scope.slug] = node
    root = nodes.get(str(top.path))
    if root is None:
        raise Refused(_("You do not see %(scope)s.") % {"scope": top})
    return root


def names_of(path: str, top: Node) -> list[str]:
    """The names of a path "Tenant / Project", below the top; the top's own name may stand before them."""
    names = [name.strip() for name in re.split(r"\s/\s|^/\s|\s/$", path)]
    return names[1:] if slug_of(names[0]) == slug_of(top.name) else names


def node_at(path: str, top: Node) -> Node:
    """The scope of a path; Refused where there is none."""
    return node_below(names_of(path, top), top)


def node_below(names: Iterable[str], top: Node) -> Node:
    """The scope of these names, one below the other; Refused where there is none."""
    node = top
    for name in names:
        below = node.below.get(slug_of(name))
        if below is None:
            said = _("There is no %(name)s in %(scope)s. Write it as “Tenant / Project”.")
            raise Refused(said % {"name": name[:120] or "“”", "scope": node.name})
        node = below
    return node


class Folk:
    """Whoever may be named in rows for a scope: the people of its organization, and those who belong to none yet.

    People of other organizations are nobody here. So are service accounts without a role in it.
    """

    def __init__(self, names: Iterable[str], top: Scope) -> None:
        self.by_username: dict[str, User] = {}
        self.by_email: dict[str, list[User]] = {}
        self.own: set[UUID] = set()
        wanted = sorted({name.lower() for name in names if name})
        for start in range(0, len(wanted), BATCH):
            for user in _named(wanted[start : start + BATCH], top):
                self.by_username[user.username] = user
                self.by_email.setdefault(user.email.lower(), []).append(user)
                if user.is_own:
                    self.own.add(user.pk)

    def find(self, name: str) -> User:
        """The one of this sign-in name or e-mail address, whole; Refused where nobody or more than one has it."""
        found = {user.pk: user for user in self.by_email.get(name.lower(), [])}
        if name in self.by_username:
            found = {user.pk: user for user in (self.by_username[name], *found.values())}
        if len(found) > 1:
            raise Refused(_("More than one person is known by %(name)s.") % {"name": name[:150]})
        user = next(iter(found.values()), None)
        if user is None:
            raise Refused(_("Nobody here is known by exactly the name %(name)s.") % {"name": name[:150]})
        if not user.is_active:
            raise Refused(_("%(name)s may not sign in.") % {"name": name[:150]})
        return user


def _named(names: Sequence[str], top: Scope) -> Iterable[Any]:
    root = top.organization_id
    roles = Assignment.objects.filter(user=OuterRef("pk"))
    groups = Group.members.through.objects.filter(user=OuterRef("pk"))
    imports = Import.people.through.objects.filter(user=OuterRef("pk"))
    own = [
        Exists(roles.filter(scope__path__within=root)),
        Exists(groups.filter(group__scope__path__within=root)),
        Exists(imports.filter(import__scope__path__within=root)),
    ]
    users = User.objects.annotate(folded=Lower("username"), mail=Lower("email"))
    users = users.annotate(is_own=Q(own[0] | own[1] | own[2]), is_anyones=Q(Exists(roles) | Exists(groups) | Exists(imports)))
    is_free = Q(is_anyones=False, kind_of_user=UserKind.PERSON)
    return users.filter(Q(folded__in=names) | Q(mail__in=names)).filter(Q(is_own=True) | is_free)
