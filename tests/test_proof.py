"""The page of proofs says what the last run of each counted, and forgets nothing that was not run."""

import json
from types import SimpleNamespace

from tests.proof import Page


def report(node, outcome="passed", when="call", marker="proof", **counted):
    properties = [("figures", json.dumps(counted))]
    return SimpleNamespace(
        nodeid=node, outcome=outcome, when=when, keywords={marker: 1}, duration=1.2, user_properties=properties
    )


def written(path, *reports):
    page = Page(path)
    for each in reports:
        page.pytest_runtest_logreport(each)
    page.pytest_sessionfinish(SimpleNamespace(config=SimpleNamespace()))
    return path.read_text() if path.exists() else ""


def test_a_proof_is_a_row_with_its_sentence_and_figures(tmp_path):
    text = written(tmp_path / "proof.md", report("tests/a.py::test_nothing_is_lost[server]", orders=1200))
    assert "| Nothing is lost (server) | passed | orders 1,200 | 1 s |" in text


def test_a_later_run_replaces_its_own_rows_alone(tmp_path):
    page = tmp_path / "proof.md"
    written(page, report("tests/a.py::test_one", n=1), report("tests/a.py::test_two[x-y]", n=2))
    text = written(page, report("tests/a.py::test_two[x-y]", outcome="failed", n=3))
    assert text.count("tests/a.py::test_one") == text.count("tests/a.py::test_two[x-y]") == 1
    assert "n 1" in text
    assert "| Two (x-y) | failed | n 3 |" in text


def test_what_is_no_proof_is_not_in_it(tmp_path):
    assert written(tmp_path / "proof.md", report("tests/a.py::test_one", marker="slow"), report("b", when="setup")) == ""


def test_a_worker_of_a_parallel_run_writes_nothing(tmp_path):
    page = Page(tmp_path / "proof.md")
    page.pytest_runtest_logreport(report("tests/a.py::test_one"))
    page.pytest_sessionfinish(SimpleNamespace(config=SimpleNamespace(workerinput={})))
    assert not page.path.exists()
