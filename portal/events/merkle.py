"""Merkle trees as RFC 6962 makes them: one hash for many leaves, and a short proof that a leaf is one of them. Pure."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

LEAF, NODE = b"\x00", b"\x01"
"""What is hashed before a leaf and before a node, so that neither can be passed off as the other."""
Side = Literal["L", "R"]


def leaf(data: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(LEAF + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return sha256(NODE + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The hash of them all, in this order; that of nothing is the hash of nothing."""
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else sha256(b"").digest()


def path(leaves: Sequence[bytes], index: int) -> list[tuple[Side, bytes]]:
    """What leads from one leaf to the root: each neighbour from the bottom up, and the side it stands on."""
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    found: list[tuple[Side, bytes]] = []
    level = list(leaves)
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            found.append(("L" if neighbour < index else "R", level[neighbour]))
        level, index = _above(level), index // 2
    return found


def sides(index: int, count: int) -> list[Side]:
    """The sides of the neighbours on the path of one leaf among so many: a path with others is of another place."""
    found: list[Side] = []
    while count > 1:
        if index % 2:
            found.append("L")
        elif index + 1 < count:
            found.append("R")
        index, count = index // 2, (count + 1) // 2
    return found


def leads_to(wanted: bytes, start: bytes, path: Sequence[tuple[Side, bytes]], *, index: int, count: int) -> bool:
    """Whether this path proves that the leaf `start` stands at `index` of the `count` leaves whose root is `wanted`."""
    if not 0 <= index < count or [side for side, _neighbour in path] != sides(index, count):
        return False
    reached = start
    for side, neighbour in path:
        reached = node(neighbour, reached) if side == "L" else node(reached, neighbour)
    return reached == wanted


def _above(level: list[bytes]) -> list[bytes]:
    """Pairs become one; the odd one at the end goes up as it is."""
    pairs = [sha256(NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs
