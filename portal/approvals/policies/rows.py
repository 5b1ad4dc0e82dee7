"""The rows of the policy editor: one condition or one stage each, from what is kept to a form and back."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.access.queries import chain_of
from portal.approvals.asked import Asked, Choices, Sort
from portal.approvals.policies.checks import MOST_TEXT, asked_of
from portal.approvals.policies.queries import groups_near, people_by_id, people_named, places_below, roles_at
from portal.approvals.routes import Condition, StagePlan
from portal.users.actor import Actor

SIZES: Choices = (("ge", _("at least")), ("gt", _("more than")), ("le", _("at most")), ("lt", _("less than")))
SAME: Choices = (("in", _("is")), ("not_in", _("is not")))
EXACT: Choices = (("eq", _("exactly")), ("ne", _("other than")))
OPERATORS: Mapping[Sort, Choices] = {
    Sort.AMOUNT: SIZES,
    Sort.NUMBER: (*SIZES, *EXACT),
    Sort.CHOICE: SAME,
    Sort.TEXT: SAME,
    Sort.LIST: (("has", _("includes")),),
    Sort.TRUTH: (("eq", _("is")),),
}
YES_NO: Choices = (("yes", _("yes")), ("no", _("no")))
PICKS: Choices = (
    ("role", _("Who has a role")),
    ("admins", _("The admins")),
    ("group", _("A group")),
    ("groups", _("One from each of several groups")),
    ("named", _("People by name")),
    ("owner", _("The owner")),
)
MODES: Choices = (("any", _("Any one of them")), ("all", _("All of them")), ("quorum", _("A number of them")))
TIMEOUTS: Choices = (
    ("escalate", _("The admins above are asked")),
    ("expire", _("It expires")),
    ("deny", _("It is denied")),
    ("approve", _("It is approved, where the risk is low")),
)
PLACES: Choices = (
    ("scope", _("the scope it is asked in")),
    ("tenant", _("the tenant above it")),
    ("organization", _("the organization")),
)
FIELDS_OF: Mapping[str, tuple[str, ...]] = {
    "role": ("role", "at", "mode", "needed"),
    "admins": ("at", "mode", "needed"),
    "group": ("group", "mode", "needed"),
    "groups": ("groups",),
    "named": ("people", "mode", "needed"),
    "owner": ("at",),
}
ALWAYS = ("pick", "due_hours", "on_timeout", "justification", "evidence", "again", "together")
CONDITION_NAMES = ("field", "operator", "value")
STAGE_NAMES = (*ALWAYS, "role", "at", "group", "groups", "people", "mode", "needed")
Row = dict[str, list[str]]


class RowForm(forms.Form):
    """One row; bound where it is to be checked, else only filled in, so that a row just added shows no error."""

    use_required_attribute = False

    def __init__(self, row: Row, prefix: str, *, checks: bool) -> None:
        sent: Any = MultiValueDict({f"{prefix}-{name}": values for name, values in row.items()}) if checks else None
        super().__init__(sent, prefix=prefix)
        self.row = row

    def fill(self) -> None:
        """Show what was typed; called once the fields are those of this row."""
        for name, values in self.row.items():
            if name in self.fields and values:
                is_many = isinstance(self.fields[name], forms.MultipleChoiceField)
                self.initial[name] = values if is_many else values[-1]

    def first(self, name: str) -> str:
        """What was typed first under a name."""
        return (self.row.get(name) or [""])[0]


class ConditionRow(RowForm):
    """A condition: the fact, how it is compared, and the value with the input that fits it."""

    field = forms.ChoiceField(label=_("Fact"))

    def __init__(self, kind: str, scope: Scope, row: Row, prefix: str, *, checks: bool = False) -> None:
        super().__init__(row, prefix, checks=checks)
        known = asked_of(kind)
        chosen: Any = self.fields["field"]
        chosen.choices = [("", _("Choose a fact")), *((name, asked.label) for name, asked in known.items())]
        self.asked = known.get(self.first("field"))
        if self.asked is not None:
            self.fields["operator"] = forms.ChoiceField(label=_("Compared"), choices=list(OPERATORS[self.asked.sort]))
            self.fields["value"] = value_field(self.first("field"), self.asked, scope)
        self.fill()

    def data_of(self) -> dict[str, Any]:
        """The condition as it is kept; one value is compared by being the same."""
        operator, value = self.cleaned_data["operator"], self.cleaned_data["value"]
        if operator in ("in", "not_in"):
            values = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else list(value)
            if len(values) == 1:
                operator, value = {"in": "eq", "not_in": "ne"}[operator], values[0]
            else:
                value = values
        elif self.asked is not None and self.asked.sort == Sort.AMOUNT:
            value = format(value.normalize(), "f")
        elif self.asked is not None and self.asked.sort == Sort.TRUTH:
            value = value == "yes"
        return {"field": self.cleaned_data["field"], "operator": operator, "value": value}


class StageRow(RowForm):
    """A stage: who decides, how many of them, until when, what follows, and what a vote takes."""

    pick = forms.ChoiceField(label=_("Who decides"), choices=PICKS)
    role = forms.ChoiceField(label=_("Role"))
    at = forms.ChoiceField(label=_("Of"))
    group = forms.ChoiceField(label=_("Group"))
    groups = forms.MultipleChoiceField(label=_("Groups"), widget=forms.CheckboxSelectMultiple)
    people = forms.CharField(
        label=_("People"), max_length=2000, help_text=_("Sign-in names or e-mail addresses, with commas between.")
    )
    mode = forms.ChoiceField(label=_("How many"), choices=MODES)
    needed = forms.IntegerField(label=_("The number"), min_value=1, max_value=100, required=False)
    due_hours = forms.IntegerField(label=_("Within working hours"), min_value=1, max_value=10_000)
    on_timeout = forms.ChoiceField(
        label=_("If nobody decides in time"),
        choices=TIMEOUTS,
        help_text=_("Approved by time only ever where the risk is low; elsewhere it expires."),
    )
    justification = forms.BooleanField(label=_("Every vote gives its reason"), required=False)
    evidence = forms.BooleanField(label=_("A file is attached before anybody approves"), required=False)
    again = forms.BooleanField(label=_("Who decided in an earlier stage may decide here, too"), required=False)
    together = forms.BooleanField(label=_("Side by side with the stage before it"), required=False)

    def __init__(self, scope: Scope, actor: Actor, row: Row, prefix: str, *, is_first: bool, checks: bool = False) -> None:
        super().__init__(row, prefix, checks=checks)
        self.scope = scope
        pick = self.first("pick") if self.first("pick") in FIELDS_OF else "role"
        kept = {*ALWAYS, *FIELDS_OF[pick]} - ({"together"} if is_first else set())
        kept -= {"needed"} if self.first("mode") != "quorum" else set()
        for name in set(self.fields) - kept:
            del self.fields[name]
        self._offer(actor)
        self.fill()

    def _offer(self, actor: Actor) -> None:
        named = [(str(one.pk), one.name) for one in chain_of(self.scope)]
        wanted = set(self.fields)
        offered: dict[str, Choices] = {}
        if "role" in wanted:
            offered["role"] = roles_at(self.scope)
        if "at" in wanted:
            offered["at"] = [*PLACES, *self._also(named)]
        for name in wanted & {"group", "groups"}:
            offered[name] = groups_near(self.scope, actor)
        for name, choices in offered.items():
            field: Any = self.fields[name]
            field.choices = choices

    def _also(self, named: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        """The scopes above, and the one that a version names already."""
        at = self.first("at")
        known = {"scope", "tenant", "organization", "", *(pk for pk, _name in named)}
        below = [(str(one.pk), one.name) for one in places_below(self.scope)] if at not in known else []
        return [*named, *(place for place in below if place not in named)]

    def clean_people(self) -> list[str]:
        """The ids of the people who are named."""
        names = [name.strip() for name in self.cleaned_data["people"].split(",") if name.strip()]
        found, unknown = people_named(names, self.scope)
        if unknown:
            said = _("Nobody here is known by exactly this name: %(names)s.")
            raise forms.ValidationError(said, params={"names": ", ".join(unknown)[:MOST_TEXT]})
        return [str(user.pk) for user in found]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("mode") == "quorum" and not cleaned.get("needed"):
            self.add_error("needed", _("Say how many."))
        return cleaned

    def data_of(self, position: int) -> dict[str, Any]:
        """The stage as it is kept."""
        given = self.cleaned_data
        texts = {name: given[name] for name in ("role", "at", "group") if name in given}
        lists = {name: list(given[name]) for name in ("groups", "people") if name in given}
        mode = "each" if given["pick"] == "groups" else given.get("mode") or "any"
        switches = {name: given[name] for name in ("due_hours", "on_timeout", "justification", "evidence", "again")}
        needed = given["needed"] if mode == "quorum" else 1
        return {
            "who": {"pick": given["pick"], **texts, **lists},
            "mode": mode,
            "needed": needed,
            "position": position,
            **switches,
        }


def value_field(name: str, asked: Asked, scope: Scope, *, is_known: bool = True) -> forms.Field:
    """The input for a value of a fact. Where it need not be known, it may stay empty."""
    offered = [(str(value), label) for value, label in offered_of(name, asked, scope)]
    given: dict[str, Any] = {"label": _("Value") if is_known else asked.label, "required": is_known}
    if asked.sort == Sort.AMOUNT:
        return forms.DecimalField(max_digits=14, decimal_places=4, help_text=scope.currency, **given)
    if asked.sort == Sort.NUMBER:
        return forms.IntegerField(min_value=-(10**9), max_value=10**9, **given)
    if asked.sort == Sort.TRUTH:
        return forms.ChoiceField(choices=YES_NO if is_known else [("", _("not known")), *YES_NO], **given)
    if not offered:
        return forms.CharField(max_length=MOST_TEXT, help_text=_("Several with commas between."), **given)
    if asked.sort == Sort.LIST and is_known:
        return forms.ChoiceField(choices=offered, **given)
    if asked.sort == Sort.CHOICE and not is_known:
        return forms.ChoiceField(choices=[("", _("not known")), *offered], **given)
    return forms.MultipleChoiceField(choices=offered, widget=forms.CheckboxSelectMultiple, **given)


def offered_of(name: str, asked: Asked, scope: Scope) -> Choices:
    """The values to choose from; none where it is typed."""
    if name == "scopes":
        return [(str(one.pk), f"{'· ' * str(one.path).count('.')}{one.name}") for one in places_below(scope)]
    if name == "requester_roles":
        return roles_at(scope)
    return asked.choices(scope) if callable(asked.choices) else asked.choices


def row_of_condition(test: Condition) -> Row:
    """A condition that is kept, as the editor would have been sent it."""
    operator = {"eq": "in", "ne": "not_in"}.get(test.operator, test.operator)
    if isinstance(test.value, bool):
        return {"field": [test.field], "operator": ["eq"], "value": ["yes" if test.value else "no"]}
    if isinstance(test.value, int):
        operator = test.operator
    values = [str(value) for value in test.value] if isinstance(test.value, list) else [str(test.value)]
    return {"field": [test.field], "operator": [operator], "value": values}


def row_of_stage(stage: StagePlan, *, together: bool) -> Row:
    """A stage that is kept, as the editor would have been sent it."""
    who = stage.who
    row = {
        "pick": [who.pick],
        "role": [who.role],
        "at": [who.at],
        "group": [who.group],
        "groups": list(who.groups),
        "people": [", ".join(user.username for user in people_by_id(list(who.people)))],
        "mode": [stage.mode],
        "needed": [str(stage.needed)] if stage.mode == "quorum" else [],
        "due_hours": [str(stage.due_hours)],
        "on_timeout": [stage.on_timeout],
    }
    switches = {"justification": stage.justification, "evidence": stage.evidence, "again": stage.again, "together": together}
    return row | {name: ["on"] for name, is_on in switches.items() if is_on}
