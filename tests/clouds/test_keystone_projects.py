"""Which projects a mapping opens: each shape that a rule may have, and roles held where they count."""

from typing import Any

import pytest

from portal.clouds.adapters.keystone_projects import may_be_given, targets

PEOPLE = {"id": "d1", "name": "people"}
GROUP = {"id": "g1", "name": "admins", "domain": PEOPLE}
MEMBER, ADMIN = {"id": "r1", "name": "member"}, {"id": "r2", "name": "admin"}


def rules(**local: Any) -> list[dict[str, Any]]:
    return [{"local": [{"user": {"name": "{0}"}}, local], "remote": [{"type": "OIDC_CLAIM_sub"}]}]


def project(id: str, parent: str = "d1", **more: Any) -> dict[str, Any]:
    return {"id": id, "name": id, "domain_id": "d1", "parent_id": parent, "enabled": True, **more}


def held(role: Any, inherited: bool = False, group: Any = GROUP, **scope: Any) -> dict[str, Any]:
    more = {"OS-INHERIT:inherited_to": "projects"} if inherited else {}
    return {"role": role, "group": group, "scope": {**scope, **more}}


@pytest.mark.parametrize(
    ("local", "is_given"),
    [
        ({"group": {"id": "g1"}}, True),
        ({"group": {"id": "g2"}}, False),
        ({"group": {"name": "admins", "domain": {"id": "d1"}}}, True),
        ({"group": {"name": "admins", "domain": {"name": "people"}}}, True),
        ({"group": {"name": "admins", "domain": {"name": "Default"}}}, False),
        ({"group": {"name": "others", "domain": {"id": "d1"}}}, False),
        ({"groups": "{1}", "domain": {"id": "d1"}}, True),  # whichever the token names
        ({"groups": "{1}", "domain": {"name": "Default"}}, False),
        ({"groups": "{1}"}, True),
        ({"group_ids": "{1}"}, True),
        ({"projects": [{"name": "own", "roles": [{"name": "member"}]}]}, False),
        ({}, False),
    ],
)
def test_a_group_is_given_by_a_rule_that_names_it_or_leaves_it_to_the_token(local: Any, is_given: bool) -> None:
    assert may_be_given(GROUP, rules(**local)) is is_given


def found(projects: Any, assignments: Any) -> dict[str, str]:
    given = targets(projects, [PEOPLE], assignments, rules(group={"id": "g1"}))
    return {target.key: target.problem or target.detail for target in given}


def test_roles_of_people_of_other_groups_and_of_the_whole_cloud_count_for_nothing() -> None:
    other = {**GROUP, "id": "g2"}
    assignments = [
        held(MEMBER, group=other, project={"id": "p1"}),
        held(MEMBER, domain={"id": "d1"}),  # in the domain itself, and in no project
        held(MEMBER, system={"all": True}),
        {"role": MEMBER, "user": {"id": "u"}, "scope": {"project": {"id": "p1"}}},
    ]
    assert found([project("p1")], assignments) == {}


def test_what_is_inherited_counts_below_and_not_where_it_is_held() -> None:
    tree = [project("top"), project("middle", "top"), project("leaf", "middle"), project("aside")]
    below = {"middle": "member: admins", "leaf": "member: admins"}
    assert found(tree, [held(MEMBER, True, project={"id": "top"})]) == below
    everywhere = {"top", "middle", "leaf", "aside"}
    assert set(found(tree, [held(MEMBER, True, domain={"id": "d1"})])) == everywhere


def test_projects_that_are_their_own_parents_come_to_an_end() -> None:
    circle = [project("a", "b"), project("b", "a")]
    assert set(found(circle, [held(MEMBER, True, project={"id": "a"})])) == {"a", "b"}


def test_the_role_admin_is_told_as_what_speaks_against_it_only_where_nothing_else_is_there() -> None:
    assignments = [held(ADMIN, project={"id": "p1"}), held(ADMIN, project={"id": "p2"}), held(MEMBER, project={"id": "p2"})]
    said = found([project("p1"), project("p2")], assignments)
    assert "never lent" in said["p1"]
    assert said["p2"] == "member: admins"


def test_a_disabled_project_and_a_domain_are_no_targets() -> None:
    assignments = [held(MEMBER, project={"id": id}) for id in ("off", "d1")]
    assert found([project("off", enabled=False), project("d1", is_domain=True)], assignments) == {}


def test_ten_thousand_projects_are_read_in_one_go() -> None:
    many = [project(f"p{number}", f"p{number - 1}" if number % 10 else "d1") for number in range(10_000)]
    assert len(found(many, [held(MEMBER, True, domain={"id": "d1"})])) == 10_000
