"""A policy in words: what it speaks of, who decides then, until when, and what follows if nobody does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Case, Q, TextField, Value, When
from django.db.models.functions import Cast
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.access.models import Group, Role, Scope
from portal.access.permissions import ROLES
from portal.approvals.asked import Asked, Sort
from portal.approvals.kinds import kind_named, kinds
from portal.approvals.policies.checks import asked_of
from portal.approvals.routes import Condition, StagePlan, Who, read_conditions, read_stages
from portal.users.models import User


@dataclass(frozen=True, slots=True)
class Said:
    """One rule to put into words: what `Policy` and `PolicyChange` have in common, read."""

    scope: Scope
    kind: str
    conditions: tuple[Condition, ...]
    stages: tuple[StagePlan, ...]


@dataclass(slots=True)
class Names:
    """What ids and keys are called, for many rules at once; what is gone is called so."""

    roles: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    scopes: Mapping[str, str] = field(default_factory=dict)
    choices: dict[tuple[str, str, Any], Mapping[str, Any]] = field(default_factory=dict)
    are_short: bool = False


def said_by(rule: Any) -> Said:
    """The rule of a policy or of a change, read."""
    return Said(rule.scope, rule.subject_kind, read_conditions(rule.conditions), read_stages(rule.stages))


def names_in(rules: Iterable[Said], *, are_short: bool = False) -> Names:
    """The names that these rules use, in one query however many there are. Short, a list leaves the values of facts that an app
    would have to look up (an offering, a provider) as they are kept.
    """
    rules = list(rules)
    stages = [stage.who for rule in rules for stage in rule.stages]
    tests = [test for rule in rules for test in rule.conditions]
    groups = _ids([*(who.group for who in stages), *(group for who in stages for group in who.groups)])
    people = _ids(person for who in stages for person in who.people)
    scopes = _ids(
        [*(who.at for who in stages), *(value for test in tests if test.field == "scopes" for value in _many(test))]
    )
    roles = {who.role for who in stages} | {
        value for test in tests if test.field == "requester_roles" for value in _many(test)
    }
    own = {role for role in roles if role and role not in ROLES}
    asked: dict[str, tuple[Any, str, set[Any]]] = {
        "role": (Role, "key", own),
        "group": (Group, "pk", groups),
        "person": (User, "pk", people),
        "scope": (Scope, "pk", scopes),
    }
    found = _called({what: each for what, each in asked.items() if each[2]})
    built_in = {key: str(words) for key, (words, _held) in ROLES.items()}
    return Names({**built_in, **found["role"]}, found["group"], found["person"], found["scope"], are_short=are_short)


def rule_text(said: Said, names: Names) -> str:
    """The whole rule in one sentence: "Order where the cost a month is 100 EUR or more: any approver …"."""
    about = {"kind": kind_label(said.kind), "who": stages_text(said, names)}
    if not said.conditions:
        return _("%(kind)s, whatever it is: %(who)s") % about
    return _("%(kind)s where %(tests)s: %(who)s") % {**about, "tests": conditions_text(said, names)}


def conditions_text(said: Said, names: Names) -> str:
    """Every condition, joined; all must hold."""
    return _(" and ").join(condition_text(test, said, names) for test in said.conditions)


def stages_text(said: Said, names: Names) -> str:
    """Who decides, stage after stage; where there are none, that nobody has to."""
    if not said.stages:
        return _("allowed without a decision")
    positions = sorted({stage.position for stage in said.stages})
    rows = [[stage_text(stage, names) for stage in said.stages if stage.position == position] for position in positions]
    return _("; then ").join(_("; side by side with ").join(row) for row in rows)


def condition_text(test: Condition, said: Said, names: Names) -> str:
    """One condition: fact, comparison, value."""
    asked = asked_of(said.kind).get(test.field)
    values = [value_text(test.field, asked, value, said, names) for value in _many(test)]
    if test.field == "scopes":
        return _("it is in or below %(scope)s") % {"scope": ", ".join(values)}
    about = {"fact": label_of(test.field, asked), "value": _(" or ").join(values)}
    return str(COMPARED[test.operator]() % about)


COMPARED: Mapping[str, Any] = {
    "ge": lambda: _("“%(fact)s” is %(value)s or more"),
    "gt": lambda: _("“%(fact)s” is more than %(value)s"),
    "le": lambda: _("“%(fact)s” is %(value)s or less"),
    "lt": lambda: _("“%(fact)s” is less than %(value)s"),
    "eq": lambda: _("“%(fact)s” is %(value)s"),
    "ne": lambda: _("“%(fact)s” is not %(value)s"),
    "in": lambda: _("“%(fact)s” is %(value)s"),
    "not_in": lambda: _("“%(fact)s” is not %(value)s"),
    "has": lambda: _("“%(fact)s” includes %(value)s"),
}


def value_text(name: str, asked: Asked | None, value: Any, said: Said, names: Names) -> str:
    """A value as people read it: money with its currency, a choice by its label, an id by its name."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "scopes":
        return names.scopes.get(str(value), _("a place that is gone"))
    if name == "requester_roles":
        return names.roles.get(str(value), str(value))
    if asked is None:
        return str(value)
    if asked.sort == Sort.AMOUNT:
        return f"{value} {said.scope.currency}"
    return str(_offered(name, asked, said, names).get(str(value), value))


def stage_text(stage: StagePlan, names: Names) -> str:
    """One stage: who, within how long, what follows, and what a vote takes."""
    hours = ngettext("within %(hours)s working hour", "within %(hours)s working hours", stage.due_hours)
    parts = [voters_text(stage, names), hours % {"hours": stage.due_hours}, timeout_text(stage.on_timeout)]
    if stage.justification:
        parts.append(_("each vote with its reason"))
    if stage.evidence:
        parts.append(_("with a file as evidence"))
    if stage.again:
        parts.append(_("who decided before may decide again"))
    return ", ".join(parts)


def voters_text(stage: StagePlan, names: Names) -> str:
    """Who decides, and how many of them it takes."""
    who, counted = who_in_words(stage.who, names), {"needed": stage.needed, "who": who_in_words(stage.who, names)}
    if stage.who.pick == "owner" or (stage.who.pick == "named" and len(stage.who.people) == 1):
        return who
    if stage.mode == "each":
        return _("one from each of %(who)s") % counted
    is_list = stage.who.pick == "named"
    if stage.mode == "quorum":
        return (_("%(needed)s of %(who)s") if is_list else _("%(needed)s people, each %(who)s")) % counted
    if stage.mode == "all":
        return (_("all of %(who)s") if is_list else _("every %(who)s")) % counted
    return (_("any of %(who)s") if is_list else _("any %(who)s")) % counted


def who_in_words(who: Who, names: Names) -> str:
    """Who is asked, as a policy says it: of whichever scope it will be."""
    at = {"at": place_text(who.at, names)}
    if who.pick == "role":
        return _("%(role)s of %(at)s") % {"role": names.roles.get(who.role, who.role), **at}
    if who.pick == "admins":
        return _("admin of %(at)s") % at
    if who.pick == "voters":
        return _("whoever may decide in %(at)s") % at
    if who.pick == "owner":
        return _("the owner of %(at)s") % at
    gone = _("a group that is gone")
    if who.pick == "group":
        return _("member of %(group)s") % {"group": names.groups.get(who.group, gone)}
    if who.pick == "groups":
        return ", ".join(names.groups.get(group, gone) for group in who.groups)
    return ", ".join(names.people.get(person, _("somebody who is gone")) for person in who.people)


def place_text(at: str, names: Names) -> str:
    """Of which scope."""
    if at == "scope":
        return _("the scope")
    if at == "tenant":
        return _("its tenant")
    if at == "organization":
        return _("its organization")
    return names.scopes.get(at, _("a place that is gone"))


def timeout_text(on_timeout: str) -> str:
    """What follows where nobody decides in time."""
    if on_timeout == "escalate":
        return _("then escalated")
    if on_timeout == "deny":
        return _("then denied")
    if on_timeout == "approve":
        return _("then approved where the risk is low")
    return _("then expired")


def differences(before: Said | None, after: Said | None, names: Names) -> list[tuple[str, str, str]]:
    """What a version changes: (part, what it was, what it becomes), part by part; nothing where nothing differs."""
    parts = [(_("Conditions"), _tests_of), (_("Who decides"), stages_text)]
    rows = [(part, *(words(each, names) if each else _("nothing") for each in (before, after))) for part, words in parts]
    return [(part, was, becomes) for part, was, becomes in rows if was != becomes]


def _tests_of(said: Said, names: Names) -> str:
    return conditions_text(said, names) or _("none: it speaks of all of them")


def kind_label(name: str) -> str:
    """What a kind of act is called; the name itself where no app has it any more."""
    return str(kind_named(name).label) if name in kinds() else name


def label_of(name: str, asked: Asked | None) -> str:
    """What a fact is called."""
    return str(asked.label) if asked else name


def _offered(name: str, asked: Asked, said: Said, names: Names) -> Mapping[str, Any]:
    """The words of a fact's values: for a whole organization at once, so that a long list asks once."""
    if names.are_short and callable(asked.choices):
        return {}
    root = str(said.scope.path).split(".")[0]
    key = (said.kind, name, root if callable(asked.choices) else None)
    if key not in names.choices:
        names.choices[key] = dict(asked.choices(Scope(path=root)) if callable(asked.choices) else asked.choices)
    return names.choices[key]


def _many(test: Condition) -> Sequence[Any]:
    return test.value if isinstance(test.value, list) else [test.value]


def _ids(texts: Iterable[Any]) -> set[UUID]:
    found = set()
    for text in texts:
        try:
            found.add(UUID(text))
        except (ValueError, TypeError, AttributeError):
            continue
    return found


def _called(asked: Mapping[str, tuple[Any, str, set[Any]]]) -> dict[str, dict[str, str]]:
    """What things are called, by what they are and their key: all kinds in one query."""
    found: dict[str, dict[str, str]] = {what: {} for what in ("role", "group", "person", "scope")}
    rows = [
        model.objects.filter(**{f"{by}__in": keys})
        .annotate(what=Value(what, TextField()), key_text=Cast(by, TextField()), word=_word(model))
        .order_by()
        .values_list("what", "key_text", "word")
        for what, (model, by, keys) in asked.items()
    ]
    for what, key, word in rows[0].union(*rows[1:]) if rows else ():
        found[what][key] = word
    return found


def _word(model: Any) -> Any:
    name: Any = Cast("name", TextField())
    is_named = ~Q(name="")
    return Case(When(is_named, name), default=Cast("username", TextField())) if model is User else name
