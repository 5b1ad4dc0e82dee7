"""Every benchmark, each in a process of its own, on a PostgreSQL, a Valkey and an AWS simulator of their own.

    python -m benchmarks [NAME ...]

Each compares two things in one run and prints a ratio beside its bar; the exit status is 1 where one is over its bar.
"""

import os
import subprocess
import sys

from scripts.launcher.parts import running
from tests.endpoints import running_moto

NAMES = ("metering", "pages", "visibility", "inventory", "tokens", "votes", "sealing", "footprint")


def main(names: list[str]) -> int:
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}.")
    over = []
    for name in names or NAMES:
        print(f"\n{name}", flush=True)
        if run(name):
            over.append(name)
    print(f"\nOver a bar: {', '.join(over)}" if over else "\nEvery figure is within its bar.")
    return int(bool(over))


def run(name: str) -> int:
    """One of them, with empty tables and an empty cloud."""
    settings = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with running_moto() as moto, running(prepared=name != "footprint", **settings) as parts:
        environment = {
            **os.environ,
            **parts.environment,
            "TEST_ADMIN_URL": parts.postgres.url("postgres", "admin"),
            "BENCHMARK_AWS_PORT": str(moto),
        }
        return subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
