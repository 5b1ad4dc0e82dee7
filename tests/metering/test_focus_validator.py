"""The public FOCUS validator passes our export, but for the alarms that it gives on every file."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from portal.core import clock
from portal.metering import ledger
from portal.metering.exports import focus
from portal.pricing.services import set_price
from tests.metering.shop import Shop
from tests.metering.simulator import lives

VERSION = "2.2.1"
DAY = datetime(2026, 6, 1, tzinfo=UTC)
FALSE_ALARMS = {
    *("BilledCost-C-005-C", "InvoiceId-C-004-C", "InvoiceId-C-005-C"),
    *("CapacityReservationStatus-C-004-C", "CommitmentDiscountStatus-C-004-C"),
}
PARENTS = {
    *("BilledCost-C-000-M", "InvoiceId-C-000-C", "InvoiceId-C-001-C", "CostAndUsage-D-000-M", "CostAndUsage-D-002-M"),
    *("CapacityReservationStatus-C-000-C", "CapacityReservationStatus-C-002-C"),
    *("CommitmentDiscountStatus-C-000-C", "CommitmentDiscountStatus-C-002-C"),
}
"""Rules that fail because a part of them does."""


def newer_python() -> str | None:
    """A Python from 3.12 on that really answers: by name, then in the folder of a version manager."""
    homes = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")), Path.home() / ".asdf/installs/python"]
    uv = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "uv/python"
    names = [f"python3.{minor}" for minor in (12, 13, 14)]
    found = [
        str(path) for home in (homes[0] / "versions", homes[1], uv) for path in sorted(home.glob("*/bin/python3.1[2-4]"))
    ]
    for candidate in [*([sys.executable] if sys.version_info >= (3, 12) else []), *names, *found]:
        try:
            answer = subprocess.run([candidate, "-c", "pass"], capture_output=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if answer.returncode == 0:
            return candidate
    return None


@pytest.fixture(scope="session")
def validator() -> Path:
    """The validator in a venv of its own, kept between runs."""
    python = newer_python()
    if python is None:
        pytest.skip("focus-validator needs Python 3.12 or newer, and none answers here")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "concord" / f"focus-validator-{VERSION}"
    script = cache / "bin" / "focus-validator"
    if not (cache / "ready").exists():
        subprocess.run([python, "-m", "venv", "--clear", str(cache)], check=True, capture_output=True)
        packages = [f"focus-validator=={VERSION}", "pyarrow<22"]
        subprocess.run([str(cache / "bin/python"), "-m", "pip", "install", "-q", *packages], check=True, capture_output=True)
        (cache / "ready").touch()
    return script


def failures(script: Path, file: Path, report: Path) -> tuple[int, set[str]]:
    """How many rules ran, and which failed. The program answers 0 whether rules fail or not."""
    command = [str(script), "--data-file", str(file), "--validate-version", "1.2", "--block-download"]
    command += ["--applicability-criteria", "ALL", "--output-type", "unittest", "--output-destination", str(report)]
    packages = next((script.parent.parent / "lib").glob("python3.*/site-packages"))
    subprocess.run(command, check=True, capture_output=True, cwd=packages, timeout=400)
    cases = list(ElementTree.parse(report).iter("testcase"))
    return len(cases), {case.get("name", "").split(" ")[0] for case in cases if case.find("failure") is not None}


@pytest.mark.timeout(600)
def test_the_export_passes_the_public_validator(shop: Shop, validator: Path, tmp_path: Path) -> None:
    until = DAY + timedelta(days=12)
    with clock.travel(DAY - timedelta(days=1)):
        starts, actor = DAY + timedelta(days=5, hours=7), shop.world.actor("carol")
        set_price(shop.book, shop.component("disk"), Decimal("0.0002"), starts=starts, actor=actor)
    ledger.meter(lives(shop, 11, starts=DAY, ends=until, resources=40), until=until)
    written = focus.write(shop.organization, "2026-06", tmp_path / "month.parquet")
    rules, failed = failures(validator, tmp_path / "month.parquet", tmp_path / "report.xml")
    assert written.rows > 100
    assert rules > 500
    assert failed <= FALSE_ALARMS | PARENTS, sorted(failed - FALSE_ALARMS - PARENTS)
