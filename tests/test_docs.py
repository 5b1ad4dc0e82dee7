"""The documents keep up with the code: every permission, setting and provider is named, and no link leads nowhere."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from portal.access.permissions import PERMISSIONS, ROLES
from portal.clouds.registry import providers

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LAYERS = re.compile(r'^  "([^"]+)",$', re.MULTILINE)
REGISTRY = re.compile(r"[\w.-]*(?:artifactregistry|pkg\.dev|pypi\.org|pythonhosted|npmjs|jfrog|nexus)[\w./-]*", re.IGNORECASE)
MACHINE = re.compile(r"(?:^|[\s(`'\"=])(/(?:home|Users|root|work|opt|tmp)/\w+[\w./-]*)", re.MULTILINE)


def documents() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split()]


def settings_read() -> set[str]:
    """Every environment variable that the settings read through portal.core.env."""
    tree = ast.parse((ROOT / "portal" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    from_env = [call for call in calls if isinstance(call.func.value, ast.Name) and call.func.value.id == "env"]
    return {call.args[0].value for call in from_env}


def rows_of(document: str) -> set[str]:
    """What stands, as code, in the first column of a document's tables."""
    return set(re.findall(r"^\| `([^`]+)` \|", (ROOT / document).read_text(), re.MULTILINE))


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_setting_is_documented_and_none_that_is_not_read():
    read, told = settings_read(), {name for name in rows_of("docs/running.md") if name.isupper()}
    assert len(read) > 20
    assert read == told


def test_every_permission_and_role_is_documented():
    assert rows_of("docs/access.md") == set(PERMISSIONS) | set(ROLES)


def test_every_provider_is_documented():
    assert set(providers()) <= rows_of("docs/running.md")


def test_the_layer_table_names_every_app_in_its_order():
    layers = (ROOT / "pyproject.toml").read_text().split("layers = [")[1].split("]")[0]
    names = [name.strip() for line in reversed(LAYERS.findall(layers)) for name in line.split("|")]
    told = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(names) == sorted(re.findall(r"`(\w+)`", " ".join(told)))
    order = [name for name in re.findall(r"`(\w+)`", " ".join(told)) if name not in ("web", "demo", "api")]
    assert order == [name for name in names if name not in ("web", "demo", "api")]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    text = document.read_text()
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{document.name} -> {target}"
        if anchor:
            assert anchor in {anchor_of(heading) for heading in HEADING.findall(found.read_text())}, target


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_names_a_registry_or_somebodys_machine(document):
    text = document.read_text()
    assert not REGISTRY.findall(text)
    assert not MACHINE.findall(text)


def test_decisions_are_numbered_without_a_gap_and_say_what_and_why():
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))
    for path in files:
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]} ")
        assert all(part in text for part in ("**What.**", "**Why.**", "**What else was weighed.**")), path.name
