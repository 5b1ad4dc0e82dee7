"""The forms about policies: the editor with its rows, the facts of an act that is only thought of, the filter of the list."""

from collections.abc import Mapping
from typing import Any

import django_filters as filters
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from portal.access.models import Scope
from portal.approvals.asked import EVERYWHERE, Sort
from portal.approvals.models import Policy
from portal.approvals.policies.checks import MOST_ROWS, asked_of
from portal.approvals.policies.publishing import Content, content_of
from portal.approvals.policies.queries import current_of, kinds_offered, places_below, places_for_policies
from portal.approvals.policies.rows import (
    CONDITION_NAMES,
    STAGE_NAMES,
    ConditionRow,
    Row,
    StageRow,
    offered_of,
    row_of_condition,
    row_of_stage,
    value_field,
)
from portal.approvals.policies.simulating import Draft
from portal.approvals.routes import read_conditions, read_stages
from portal.users.actor import Actor

NEW_STAGE: Row = {
    "pick": ["role"],
    "role": ["approver"],
    "at": ["scope"],
    "mode": ["any"],
    "due_hours": ["24"],
    "on_timeout": ["escalate"],
}
REASON = forms.Textarea(attrs={"rows": 2})


class HeadForm(forms.Form):
    """What a policy is called, where it holds, what it speaks of, and why it is changed."""

    name = forms.CharField(label=_("Name"), max_length=120)
    scope = forms.TypedChoiceField(label=_("Holds at"), help_text=_("There, and at all below it."))
    kind = forms.ChoiceField(label=_("Speaks of"))
    reason = forms.CharField(
        label=_("Why"), max_length=2000, required=False, widget=REASON, help_text=_("Who decides on it reads it.")
    )

    use_required_attribute = False

    def __init__(self, places: Mapping[str, Scope], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["scope"]
        field.choices = [(pk, f"{'· ' * str(one.path).count('.')}{one.name}") for pk, one in places.items()]
        field.coerce = places.__getitem__
        kinds: Any = self.fields["kind"]
        kinds.choices = kinds_offered()


class Editor:
    """The whole form: a head, rows of conditions, rows of stages. `policy` is the version it begins from; its name, scope and
    kind stay. What was typed is kept whatever becomes of it.
    """

    def __init__(
        self, actor: Actor, sent: QueryDict | None = None, *, policy: Policy | None = None, checks: bool = False
    ) -> None:
        self.actor, self.policy = actor, policy
        self.current = current_of(policy) if policy else None
        self.seen = sent.get("seen", "") if sent else str(self.current.version if self.current else "")
        places = [policy.scope] if policy else sorted(places_for_policies(actor), key=lambda one: str(one.path))
        self.places = {str(place.pk): place for place in places}
        kept = {"name": policy.name, "scope": str(policy.scope_id), "kind": policy.subject_kind} if policy else {}
        typed = {name: sent.get(name, "") for name in ("name", "scope", "kind", "reason")} if sent else {"kind": "order"}
        values = {**typed, **kept}
        self.head = HeadForm(self.places, values) if checks else HeadForm(self.places, initial=values)
        if policy:
            for name in kept:
                self.head.fields[name].disabled = True
                self.head.initial[name] = kept[name]
        self.scope = self.places.get(str(values.get("scope", "")), places[0])
        self.kind = values["kind"] if values.get("kind") in dict(kinds_offered()) else "order"
        self.condition_rows, self.stage_rows = rows_sent(sent) if sent else rows_kept(policy)
        self.checks = checks
        self.draw()

    def draw(self) -> None:
        """Make the forms of the rows anew, as they are now."""
        self.conditions = [
            ConditionRow(self.kind, self.scope, row, f"c{index}", checks=self.checks)
            for index, row in enumerate(self.condition_rows)
        ]
        self.stages = [
            StageRow(self.scope, self.actor, row, f"s{index}", is_first=index == 0, checks=self.checks)
            for index, row in enumerate(self.stage_rows)
        ]

    def change(self, act: str) -> None:
        """Add or remove a row: `add-condition`, `remove-stage-1`. What is no such act changes nothing."""
        verb, _dash, rest = act.partition("-")
        what, _dash, number = rest.partition("-")
        rows = {"condition": self.condition_rows, "stage": self.stage_rows}.get(what)
        if rows is None:
            return
        if verb == "add" and len(rows) < MOST_ROWS:
            rows.append(dict(NEW_STAGE) if what == "stage" else {})
        elif verb == "remove" and number.isdecimal() and int(number) < len(rows):
            del rows[int(number)]
        self.draw()

    @property
    def sheets(self) -> list[forms.Form]:
        return [self.head, *self.conditions, *self.stages]

    def is_valid(self) -> bool:
        wrong = [form for form in self.sheets if not form.is_valid()]  # each says what is wrong, not only the first
        return not wrong

    def content(self) -> Content:
        """What was typed, once it is valid; an Invalid says what the rule lacks as a whole."""
        conditions = [row.data_of() for row in self.conditions]
        stages, position = [], 0
        for index, row in enumerate(self.stages):
            position += 0 if index == 0 or row.cleaned_data.get("together") else 1
            stages.append(row.data_of(position))
        given = self.head.cleaned_data
        return content_of(given["name"], given["kind"], conditions, stages)

    def draft(self) -> Draft:
        """The same as a rule that is only thought of."""
        return Draft(self.scope, self.content(), self.current)

    def sheet(self, name: str) -> tuple[forms.Form, str]:
        """The form and the field that a service means by `conditions-0`, `stages-1` or `name`."""
        what, _dash, number = name.partition("-")
        rows: Any = {"conditions": self.conditions, "stages": self.stages}.get(what, [])
        if number.isdecimal() and int(number) < len(rows):
            return rows[int(number)], "value" if what == "conditions" else "pick"
        return self.head, {"subject_kind": "kind"}.get(name, name)


class FactsForm(forms.Form):
    """An act that nobody asked for: where, by whom, and as much of its facts as is known."""

    use_required_attribute = False

    def __init__(self, kind: str, scope: Scope, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places: dict[str, Scope] = {str(place.pk): place for place in places_below(scope)}
        self.asked = {name: asked for name, asked in asked_of(kind).items() if name not in EVERYWHERE}
        shown = [(pk, f"{'· ' * str(one.path).count('.')}{one.name}") for pk, one in self.places.items()]
        self.fields["place"] = forms.ChoiceField(label=_("Where"), choices=shown)
        for name, asked in self.asked.items():
            self.fields[name] = value_field(name, asked, scope, is_known=False)
        roles = offered_of("requester_roles", EVERYWHERE["requester_roles"], scope)
        self.fields["requester_roles"] = forms.MultipleChoiceField(
            label=_("Roles of who asks"), choices=list(roles), required=False, widget=forms.CheckboxSelectMultiple
        )

    @property
    def place(self) -> Scope:
        return self.places[self.cleaned_data["place"]]

    def facts(self) -> dict[str, Any]:
        """What is known; what was left empty is not known."""
        given = {name: self.cleaned_data[name] for name in self.asked if self.cleaned_data[name] not in ("", None, [])}
        for name, value in given.items():
            if self.asked[name].sort == Sort.TRUTH:
                given[name] = value == "yes"
            elif self.asked[name].sort == Sort.LIST and isinstance(value, str):
                given[name] = [part.strip() for part in value.split(",")]
        return {**given, "requester_roles": sorted(self.cleaned_data["requester_roles"]) or None}

    @classmethod
    def typed(cls, kind: str, scope: Scope, sent: QueryDict, prefix: str) -> "FactsForm":
        """The form as it was typed so far, checked by nobody yet."""
        form = cls(kind, scope, prefix=prefix)
        for name, field in form.fields.items():
            if values := [value for value in sent.getlist(f"{prefix}-{name}") if value]:
                form.initial[name] = values if isinstance(field, forms.MultipleChoiceField) else values[-1]
        return form


class PolicyFilter(filters.FilterSet):  # type: ignore[misc]
    """By where it holds, what it speaks of, and words of its name."""

    place = filters.CharFilter(field_name="scope__name", lookup_expr="icontains", label=_("Holds at"))
    kind = filters.ChoiceFilter(field_name="subject_kind", label=_("Speaks of"), empty_label=_("anything"))
    name = filters.CharFilter(lookup_expr="icontains", label=_("Name"))

    class Meta:
        model = Policy
        fields = ("place", "kind", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["kind"].extra["choices"] = kinds_offered()


def rows_sent(sent: QueryDict) -> tuple[list[Row], list[Row]]:
    """The rows as they were typed, at most so many of each."""
    return _rows(sent, "c", CONDITION_NAMES), _rows(sent, "s", STAGE_NAMES)


def rows_kept(policy: Policy | None) -> tuple[list[Row], list[Row]]:
    """The rows of a version; of a new policy none, with one stage to begin from."""
    if policy is None:
        return [], [dict(NEW_STAGE)]
    stages = sorted(read_stages(policy.stages), key=lambda stage: stage.position)
    positions = [stage.position for stage in stages]
    return [row_of_condition(test) for test in read_conditions(policy.conditions)], [
        row_of_stage(stage, together=index > 0 and positions[index - 1] == stage.position)
        for index, stage in enumerate(stages)
    ]


def _rows(sent: QueryDict, letter: str, names: tuple[str, ...]) -> list[Row]:
    said = sent.get(f"{letter}-rows", "0")
    count = min(int(said), MOST_ROWS) if said.isdecimal() and len(said) < 5 else 0
    return [{name: sent.getlist(f"{letter}{index}-{name}") for name in names} for index in range(count)]
