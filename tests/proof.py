"""The tests that prove something at a size: what they counted, and the page that `make prove` writes of it.

A test marked `proof` takes the fixture `figures` and says what it counted: `figures(orders=200, killed=200)`. The page is
written where `--proof FILE` asks for it, from the reports of this run, so it is the same under xdist.
"""

import json
import os
import platform
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.sizes import IS_FULL

PROPERTY = "figures"
HEAD = """# Proof

What the tests that are marked `proof` counted in one run. Each test's name is the sentence that it proves; it fails where
the sentence does not hold. Written by `{command}` on {date}: {machine}.

| what is proved | result | counted | took |
|---|---|---|---|
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--proof", metavar="FILE", help="write what the proofs counted to this page")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "proof: proves something at a size; `make prove` runs it at full size")
    if path := config.getoption("--proof"):
        config.pluginmanager.register(Page(Path(path)), "proof-page")


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Say what was counted; more than once adds to it."""

    def say(**counted: Any) -> None:
        record_property(PROPERTY, json.dumps(counted))

    return say


class Page:
    """The rows of a run, by test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "proof" in report.keywords and (report.when == "call" or report.outcome == "failed"):
            counted = [json.loads(str(value)) for name, value in report.user_properties if name == PROPERTY]
            shown = ", ".join(f"{words(name)} {value:,}" for each in counted for name, value in each.items())
            self.rows[report.nodeid] = f"| {sentence(report.nodeid)} | {report.outcome} | {shown} | {report.duration:.0f} s |"

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput") or not self.rows:
            return
        rows = [self.rows[node] for node in sorted(self.rows)]
        size = "full size" if IS_FULL else "small size"
        machine = f"{size}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
        command = "make prove" if IS_FULL else "pytest -m proof"
        head = HEAD.format(command=command, date=f"{datetime.now(UTC):%Y-%m-%d}", machine=machine)
        self.path.write_text(head + "\n".join(rows) + "\n")


def sentence(node: str) -> str:
    """A test's name as the sentence it is, with its case and its file."""
    path, _, name = node.partition("::")
    name, _, case = name.partition("[")
    said = words(re.sub(r"^test_", "", name)).capitalize()
    return f"{said}{f' ({case[:-1]})' if case else ''} · `{path}`"


def words(name: str) -> str:
    return name.replace("_", " ")
