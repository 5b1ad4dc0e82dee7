"""The tests that prove something at a size: what they counted, and the page that `make prove` keeps of it.

A test marked `proof` takes the fixture `figures` and says what it counted: `figures(orders=200, killed=200)`. `--proof FILE`
writes the rows of this run into that page, from the reports, so it is the same under xdist; rows of other tests stay.
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

What the tests marked `proof` counted, each in its last run. A test's name is the sentence that it proves, and it fails where
the sentence does not hold. `make prove` runs them at full size and writes this page; `make prove ARGS=tests/live` some of them.

| what is proved | result | counted | took | when and where | test |
|---|---|---|---|---|---|
"""
ROW = re.compile(r"^\| .* \| `(?P<node>[^`]+)` \|$")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--proof", metavar="FILE", help="write what the proofs counted into this page")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "proof: proves something at a size; `make prove` runs it at full size")
    if path := config.getoption("--proof"):
        config.pluginmanager.register(Page(Path(path)), "proof-page")


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Say what was counted; more than once adds to it."""

    def say(**counted: int) -> None:
        record_property(PROPERTY, json.dumps(counted))

    return say


class Page:
    """The page, and what this run adds to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "proof" in report.keywords and (report.when == "call" or report.outcome == "failed"):
            self.rows[report.nodeid] = row(report, datetime.now(UTC))

    def pytest_sessionfinish(self, session: Any) -> None:
        """In the main process: the workers of a parallel run report to it."""
        if self.rows and not hasattr(session.config, "workerinput"):
            known = {found["node"]: line for line in self._lines() if (found := ROW.match(line))}
            rows = {**known, **self.rows}
            self.path.write_text(HEAD + "".join(f"{rows[node]}\n" for node in sorted(rows)))

    def _lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


def row(report: Any, at: datetime) -> str:
    """One line of the table."""
    counted = [json.loads(value) for name, value in report.user_properties if name == PROPERTY]
    shown = ", ".join(f"{words(name)} {value:,}" for each in counted for name, value in each.items())
    size = "full size" if IS_FULL else "small size"
    where = f"{at:%Y-%m-%d}, {size}, {os.cpu_count()} cores, Python {platform.python_version()}"
    cells = (sentence(report.nodeid), report.outcome, shown, f"{report.duration:.0f} s", where, f"`{report.nodeid}`")
    return f"| {' | '.join(cells)} |"


def sentence(node: str) -> str:
    """A test's name as the sentence it is, with its case."""
    name, _, case = node.rpartition("::")[2].removeprefix("test_").partition("[")
    return words(name).capitalize() + (f" ({case.removesuffix(']')})" if case else "")


def words(name: str) -> str:
    return name.replace("_", " ")
