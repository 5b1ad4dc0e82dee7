"""Check a pack of evidence from Concord yourself, offline: this file, Python 3.9 or newer, and nothing else.

    python verify_evidence.py PACK.html|PACK.json [--key ID:BASE64]

Each event is hashed and led up its Merkle path (RFC 6962) to the root of its checkpoint; the checkpoint's chained hash is
computed and its Ed25519 signature (RFC 8032) checked. Give the public key that you got by another way; else the pack's own
is used, and you must compare it with the one published. The exit status is 0 only where everything holds.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from typing import Any

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
SCRIPT = re.compile(r'<script\b[^>]*\bid="evidence"[^>]*>(.*?)</script>', re.DOTALL)
Point = tuple[int, int, int, int]  # of the curve: X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while number:
        result = add(result, point) if number & 1 else result
        point, number = add(point, point), number >> 1
    return result


def point_of(data: bytes) -> Point:
    """The point that 32 bytes stand for; ValueError where they stand for none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x * ROOT_OF_MINUS_ONE % P if (x * x - square) % P else x
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("not a point of the curve")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(message: bytes, signature: bytes, public: bytes) -> bool:
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or len(public) != 32 or s >= ORDER:
        return False
    key, r = point_of(public), point_of(signature[:32])
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    p, q = times(s, BASE), add(r, times(h, key))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def check_checkpoint(point: dict[str, Any], keys: dict[str, bytes]) -> None:
    first, last = int(point["first"]), int(point["last"])
    root, previous, chained = (bytes.fromhex(point[name]) for name in ("root", "previous", "chained"))
    if sha256(b"\2", previous, root, first.to_bytes(8, "big"), last.to_bytes(8, "big")) != chained:
        raise ValueError("its chained hash does not follow from its root and the one before it")
    lines = (first, last, root.hex(), previous.hex(), chained.hex(), point["at"], point["key"])
    statement = "".join(f"{line}\n" for line in ("concord-checkpoint/1", *lines)).encode()
    if point["key"] not in keys:
        raise ValueError(f"the key {point['key']} is not given")
    if not is_signed(statement, base64.b64decode(point["signature"], validate=True), keys[point["key"]]):
        raise ValueError(f"its signature is not by the key {point['key']}")


def sides(index: int, count: int) -> list[str]:
    """On which sides the neighbours of this leaf stand among so many, from the bottom up."""
    found = []
    while count > 1:
        if index % 2 or index + 1 < count:
            found.append("L" if index % 2 else "R")
        index, count = index // 2, (count + 1) // 2
    return found


def check_event(event: dict[str, Any], point: dict[str, Any]) -> None:
    first, last, position = int(point["first"]), int(point["last"]), int(event["position"])
    if not first <= position <= last or [side for side, _ in event["path"]] != sides(position - first, last - first + 1):
        raise ValueError("its path is of another place in the log")
    reached = sha256(b"\0", event["event"].encode())
    for side, neighbour in event["path"]:
        reached = sha256(b"\1", *(bytes.fromhex(neighbour), reached)[:: 1 if side == "L" else -1])
    if reached != bytes.fromhex(point["root"]):
        raise ValueError("it is not what was sealed")


def read(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = SCRIPT.search(text)
    pack: dict[str, Any] = json.loads(found[1] if found else text)
    if pack["format"] != "concord-evidence/1" or not pack["events"]:
        raise ValueError("no events of the format concord-evidence/1")
    return pack


def say(line: str) -> None:
    """A line, with nothing in it that a terminal would obey."""
    print("".join(char if " " <= char <= "~" else "?" for char in line))


def main() -> int:
    parser = argparse.ArgumentParser(description="Check a pack of evidence from Concord, offline.")
    parser.add_argument("pack")
    parser.add_argument("--key", action="append", default=[], metavar="ID:BASE64", help="a public key that you trust")
    options = parser.parse_args()
    what = options.pack
    try:
        pack = read(options.pack)
        trusted = dict(item.split(":", 1) for item in options.key) or pack["public_keys"]
        keys = {key_id: base64.b64decode(value, validate=True) for key_id, value in trusted.items()}
        say(f"Evidence of {json.dumps(pack.get('subject'))}")
        for name, point in pack["checkpoints"].items():
            what = f"checkpoint {name}"
            check_checkpoint(point, keys)
            say(f"{what}: positions {int(point['first'])} to {int(point['last'])}, {point['at']}, signed by {point['key']}")
        for event in pack["events"]:
            what = f"the event at position {event['position']}"
            check_event(event, pack["checkpoints"][event["checkpoint"]])
            said = json.loads(event["event"])
            say(f"{what}: {said['at']} {said['action']} {said['outcome']}, by {said['actor']}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        say(f"DOES NOT HOLD: {what}: {error!r}")
        return 1
    if not options.key:
        say(f"WARNING: compare the pack's own key with the one that the portal publishes: {json.dumps(trusted)}")
    say(f"HOLDS: {len(pack['events'])} events in {len(pack['checkpoints'])} checkpoints")
    return 0


if __name__ == "__main__":
    sys.exit(main())
