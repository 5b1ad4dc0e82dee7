"""The walls of the house that the import contract does not see."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

from portal.celery import app

ROOT = Path(__file__).resolve().parent.parent
PORTAL = ROOT / "portal"
LAYERS = ["core", "users", "events", "access", "notices", "approvals", "tenancy", "identity", "clouds", "catalogue"]
LAYERS += ["pricing", "placement", "provisioning", "metering", "leases", "orders", "audit", "web", "api", "demo"]
SDKS = {"libcloud", "boto3", "botocore", "polars", "pyarrow", "duckdb", "moto"}
FORBIDDEN_CLOCKS = {("timezone", "now"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}


def modules() -> list[Path]:
    return [path for path in PORTAL.rglob("*.py") if "migrations" not in path.parts]


def names_of_clocks(tree: ast.AST) -> list[str]:
    return [
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in FORBIDDEN_CLOCKS
    ]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PORTAL)))
def test_a_module_says_what_it_is_for_and_stays_short(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= 400
    assert not tree.body or ast.get_docstring(tree), "a module begins with one line saying what it is for"
    if path.name != "clock.py":
        assert not names_of_clocks(tree), "the one clock is portal.core.clock"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PORTAL)))
def test_a_module_imports_at_its_top_and_lets_no_database_tell_the_time(path):
    text = "" if path.name == "clock.py" else path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lazy = [node.name for node in functions for part in ast.walk(node) if isinstance(part, ast.Import | ast.ImportFrom)]
    assert not lazy, "a lazy import is a design error"
    assert not re.search(r"\b(now\(\)|current_timestamp|Now\(\))", text.replace("clock.now()", "")), (
        "the one clock is portal.core.clock"
    )


def test_no_sql_tells_the_time():
    told = [
        path for path in PORTAL.rglob("*.sql") if re.search(r"\b(now\(|current_timestamp)", path.read_text(), re.IGNORECASE)
    ]
    assert not told


def test_core_has_at_most_sixteen_files():
    assert len([path for path in (PORTAL / "core").glob("*.py") if path.name != "__init__.py"]) <= 16


def test_nothing_is_called_signals():
    assert not list(PORTAL.rglob("signals.py"))


def test_a_foreign_key_points_to_its_own_layer_or_lower():
    wrong = []
    for model in apps.get_models():
        if model._meta.app_label not in LAYERS:
            continue
        for field in model._meta.get_fields():
            target = field.related_model if field.concrete and field.is_relation else None
            if target is None or target._meta.app_label not in LAYERS:
                continue
            if LAYERS.index(target._meta.app_label) > LAYERS.index(model._meta.app_label):
                wrong.append(f"{model._meta.label}.{field.name} -> {target._meta.label}")
    assert not wrong


def names_enqueued() -> set[str]:
    """What `after_commit("...")` names anywhere, as the source has it."""
    return {
        node.args[0].value
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", "") or getattr(node.func, "id", "")) == "after_commit"
        and isinstance(node.args[0], ast.Constant)
    }


def tasks() -> dict[str, Any]:
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_what_is_enqueued_by_name_is_a_task():
    timed = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert names_enqueued() | timed <= set(tasks())


def test_a_task_is_enqueued_by_a_name_that_can_be_read():
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("delay", "apply_async", "send_task"):
                assert path.name == "queue.py", f"{path.relative_to(ROOT)}:{node.lineno}: queue.after_commit enqueues"


def test_a_task_ends_before_the_broker_hands_it_to_another():
    visible_again = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    assert not [name for name, task in tasks().items() if not task.soft_time_limit < task.time_limit < visible_again]


def test_a_timed_task_that_waited_longer_than_its_turn_is_dropped():
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        assert entry["options"]["expires"] <= entry["schedule"], name


def test_no_column_sets_its_own_time():
    fields = [
        field for model in apps.get_models() if model._meta.app_label in LAYERS for field in model._meta.concrete_fields
    ]
    assert not [str(field) for field in fields if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)]


def test_pages_and_api_never_touch_a_manager():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for app in ("web", "api")
        for path in (PORTAL / app).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "objects"
    ]
    assert not found


def test_only_adapters_import_a_cloud_sdk():
    for path in modules():
        if "adapters" in path.parts or path.parent.name in ("metering", "exports") or path.name == "calls.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            roots = [alias.name.split(".")[0] for alias in node.names] if isinstance(node, ast.Import) else []
            roots += (
                [node.module.split(".")[0]] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            )
            assert not SDKS & set(roots), f"{path.relative_to(ROOT)} imports {SDKS & set(roots)}"


PURE = {
    *("approvals.facts", "approvals.hours", "approvals.policies.simulation", "approvals.routes", "approvals.tally"),
    *("events.canonical", "events.checkpoints", "events.merkle", "tenancy.spans"),
}
"""What decides and what proves, without Django: it can be read, tried and checked alone."""


@pytest.mark.parametrize("name", sorted(PURE))
def test_the_pure_core_knows_no_django_and_nothing_that_does(name):
    tree, imported = ast.parse((PORTAL / f"{name.replace('.', '/')}.py").read_text()), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    roots = {each.split(".")[0] for each in imported}
    assert not roots & {"django", "rest_framework", "celery"}
    ours = {each for each in imported if each.startswith("portal.")}
    assert not {each for each in ours if not any(f"{each}.".startswith(f"portal.{pure}.") for pure in PURE)}


def test_only_identity_reads_tokens_and_speaks_oidc():
    readers = {"jwts.py", "keys.py", "oidc.py"}
    found = {
        str(path.relative_to(PORTAL))
        for path in modules()
        if re.search(r"^\s*(import|from) (authlib|joserfc|jwt|jose|jwcrypto)\b", path.read_text(), re.MULTILINE)
    }
    assert found == {f"identity/{name}" for name in readers}


def test_the_web_process_loads_no_sdk():
    code = "import sys, portal.wsgi, django.urls; django.urls.get_resolver().url_patterns; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ)
    assert not (SDKS | {"keycloak", "httpx", "jwcrypto", "weasyprint"}) & {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
