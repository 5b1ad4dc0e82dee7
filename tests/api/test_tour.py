"""The page docs/tour.md, run as it stands: each block by bash, what it prints against what the page shows."""

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import boto3
import psycopg
import pytest

from portal.core import clock
from portal.identity.tokens import create_token
from tests.api.worker import working
from tests.endpoints import running_moto
from tests.market import REGION

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "tour.md"
BLOCK = re.compile(r"```sh\n(.*?)```\n(?:```text\n(.*?)```)?", re.DOTALL)
CAST = ("alice", "bob", "carol", "dave", "erin")


class Shell:
    """One bash for all blocks, as a reader has it."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, pipe = folder, subprocess.PIPE
        self.bash = subprocess.Popen(
            ["bash"], cwd=folder, env=env, text=True, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT
        )
        self.run("set -euo pipefail")

    def run(self, block: str) -> str:
        """What the block prints; fails with it where a command does."""
        self.bash.stdin.write(f"{block}\necho; echo '::end::'\n")
        self.bash.stdin.flush()
        said = []
        for line in self.bash.stdout:
            if line == "::end::\n":
                return "".join(said).strip()
            said.append(line)
        log = (self.folder / "portal.log").read_text()[-3000:]
        pytest.fail(f"{block}\n---\n{''.join(said)}\n---\n{log}")

    def close(self) -> None:
        self.bash.stdin.close()
        self.bash.wait(10)
        self.bash.stdout.close()


def old_server(port: int) -> None:
    """A server that was there before Concord."""
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
    client = boto3.client("ec2", endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION, **keys)
    image = client.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "old-server"}]}]
    client.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.small", TagSpecifications=tags)


def test_the_page_is_made_of_blocks():
    assert len(BLOCK.findall(PAGE.read_text())) == PAGE.read_text().count("```sh\n") >= 10


@pytest.mark.timeout(600)
@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
@pytest.mark.usefixtures("fresh_db")
def test_the_tour_runs_as_it_is_written(world, market, portal_url, tmp_path):
    expires = clock.now() + timedelta(hours=1)
    tokens = {name: create_token(name="tour", expires=expires, actor=world.actor(name))[1] for name in CAST}
    env = {f"TOKEN_{name.upper()}": plain for name, plain in tokens.items()}
    with running_moto() as port, working() as errors:
        old_server(port)
        shell = Shell(
            tmp_path, {"PATH": "/usr/bin:/bin", "PORTAL": portal_url, "SECOND_AWS": f"http://127.0.0.1:{port}", **env}
        )
        try:
            for block, shown in BLOCK.findall(PAGE.read_text()):
                said = shell.run(block)
                assert not errors, errors
                assert said == shown.strip(), f"{block}\n---\n{said}"
            lost, fresh = shell.run('echo "$SECRET"; echo "$FRESH"').split()
        finally:
            shell.close()
    with psycopg.connect(fresh) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError), psycopg.connect(lost):
        pass
