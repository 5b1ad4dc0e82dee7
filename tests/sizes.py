"""How large a proof runs: small under `make test`, at full size under `make prove`. The one place that reads PROVE."""

import os

IS_FULL = os.environ.get("PROVE") == "1"


def size(small: int, full: int) -> int:
    """The size of a proof in this run."""
    return full if IS_FULL else small
