"""Evidence is checked offline by one file: it holds as it is, fails after any change, and shows nothing of others."""

import base64
import copy
import json
import random
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.core.errors import Conflict
from portal.events import checkpoints, keys
from portal.events.models import Event, Seal
from portal.events.proofs import evidence_of, proof_of
from portal.events.sealing import seal
from scripts import verify_evidence
from tests.events.log import as_owner, write
from tests.sizes import size

SCRIPT = Path(verify_evidence.__file__)


@pytest.fixture
def pack(fresh_db, world) -> dict:
    """Evidence of five events out of nineteen, from three checkpoints."""
    chosen = []
    for count in (7, 1, 11):
        events = write(world, count, note="<b>ö\u2028'\"\\ 会</b>")
        chosen += events[::4]
        seal()
    assert len(chosen) == 6
    return evidence_of({"kind": "order", "id": "1", "label": "Ours"}, chosen)


def check(monkeypatch, capsys, path: Path, *options: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["verify_evidence.py", str(path), *options])
    status = verify_evidence.main()
    return status, capsys.readouterr().out


def write_pack(path: Path, pack: dict) -> Path:
    path.write_text(json.dumps(pack))
    return path


def test_the_script_is_short_and_needs_nothing():
    text = SCRIPT.read_text()
    assert len(text.splitlines()) <= 150
    imports = [line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert set(imports) <= set(sys.stdlib_module_names)


def test_it_runs_alone_somewhere_else(pack, tmp_path):
    copied = tmp_path / "check.py"
    copied.write_text(SCRIPT.read_text())
    html = '<html><script type="application/json" id="evidence">' + json.dumps(pack).replace("<", "\\u003c") + "</script>"
    (tmp_path / "pack.html").write_text(html)
    [(key_id, public)] = pack["public_keys"].items()
    command = [sys.executable, "-I", str(copied), "pack.html", "--key", f"{key_id}:{public}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("HOLDS: 6 events in 3 checkpoints\n")
    assert "WARNING" not in done.stdout
    assert done.stdout.count("tenancy.rename done, by ") == 6


def test_the_key_of_the_pack_itself_is_used_with_a_warning(pack, tmp_path, monkeypatch, capsys):
    status, said = check(monkeypatch, capsys, write_pack(tmp_path / "pack.json", pack))
    assert status == 0
    assert (
        f"WARNING: compare the pack's own key with the one that the portal publishes: {json.dumps(pack['public_keys'])}"
        in said
    )


def test_another_key_than_the_one_that_signed_does_not_do(pack, tmp_path, monkeypatch, capsys):
    path = write_pack(tmp_path / "pack.json", pack)
    other = base64.b64encode(checkpoints.public_of(secrets.token_bytes(32))).decode()
    for option in (f"k1:{other}", f"k2:{other}", "k1:AAAA", "k1:%", "nonsense"):
        status, said = check(monkeypatch, capsys, path, "--key", option)
        assert (status, "DOES NOT HOLD" in said, "HOLDS: " in said) == (1, True, False)


@pytest.mark.proof
def test_one_flipped_bit_in_anything_sealed_breaks_the_pack(pack, tmp_path, monkeypatch, capsys, figures):
    """In the text, the path, the checkpoint or the signature; what is only words beside them is not sealed."""
    chance = random.Random(5)
    flips = size(60, 3000)
    for _flip in range(flips):
        broken = copy.deepcopy(pack)
        spot = chance.choice(("event", "path", "root", "previous", "chained", "signature", "at", "first", "last", "position"))
        event = chance.choice(broken["events"])
        point = broken["checkpoints"][event["checkpoint"]]
        if spot == "path" and event["path"]:
            step = chance.choice(event["path"])
            step[1] = flipped(step[1], chance)
        elif spot == "path":
            event["path"].append(["L", "00" * 32])
        elif spot in ("event", "position"):
            event[spot] = flipped(event[spot], chance)
        else:
            point[spot] = flipped(point[spot], chance)
        status, said = check(monkeypatch, capsys, write_pack(tmp_path / "pack.json", broken))
        assert (status, "HOLDS: " in said) == (1, False), (spot, said)
    figures(flipped=flips, held=0)


def flipped(value, chance):
    """The value with one bit of it turned over: of a number, of the bytes of hex or base64, or of a character."""
    if isinstance(value, int):
        return value ^ 1 << chance.randrange(8)
    if len(value) == 64:
        return (int(value, 16) ^ 1 << chance.randrange(256)).to_bytes(32, "big").hex()
    if len(value) == 88:
        raw = int.from_bytes(base64.b64decode(value), "big") ^ 1 << chance.randrange(512)
        return base64.b64encode(raw.to_bytes(64, "big")).decode()
    at = chance.randrange(len(value))
    return value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]


def test_an_event_that_was_changed_in_the_database_makes_evidence_that_does_not_hold(
    fresh_db, world, tmp_path, monkeypatch, capsys
):
    [event] = write(world)
    seal()
    as_owner("UPDATE events_event SET reason = 'because' WHERE id = %s", event.pk)
    status, said = check(monkeypatch, capsys, write_pack(tmp_path / "pack.json", proof_of(event)))
    assert (status, "it is not what was sealed" in said) == (1, True)


def test_evidence_shows_nothing_of_other_events(pack, world):
    shown = {json.loads(event["event"])["id"] for event in pack["events"]}
    text = json.dumps(pack)
    others = Event.objects.exclude(pk__in=shown)
    assert others.count() == 13
    assert not [event for event in others if str(event.pk) in text]


def test_an_event_that_is_not_sealed_has_no_proof_and_is_left_out_of_evidence(fresh_db, world):
    sealed, waiting = write(world)[0], None
    seal()
    [waiting] = write(world)
    with pytest.raises(Conflict):
        proof_of(waiting)
    assert len(evidence_of({}, [sealed, waiting])["events"]) == 1
    assert evidence_of({}, [waiting])["events"] == []


def test_a_proof_after_a_new_key_names_the_key_that_signed_it(fresh_db, world, settings):
    [event] = write(world)
    seal()
    settings.PORTAL_SEAL_KEYS = [f"k2:{base64.b64encode(secrets.token_bytes(32)).decode()}"]
    write(world)
    seal()
    assert set(proof_of(event)["public_keys"]) == {"k1"}
    assert Seal.objects.order_by("-number").first().key_id == "k2"
    assert set(keys.published_keys()) == {"k1", "k2"}


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", '{"format": "other", "events": [1]}', "[" * 100_000, "\x00"])
def test_what_is_no_pack_is_refused_without_a_traceback(text, tmp_path, monkeypatch, capsys):
    path = tmp_path / "pack.json"
    path.write_text(text)
    assert check(monkeypatch, capsys, path)[0] == 1
    assert check(monkeypatch, capsys, tmp_path / "none.json")[0] == 1


@pytest.mark.parametrize("hostile", [None, 0, "x", [], {}, [[]], [["L", "zz"]], "\ud800", 10**400])
def test_hostile_packs_are_refused_without_a_traceback(pack, tmp_path, monkeypatch, capsys, hostile):
    for part in ("event", "path", "checkpoint", "position"):
        broken = copy.deepcopy(pack)
        broken["events"][0][part] = hostile
        assert check(monkeypatch, capsys, write_pack(tmp_path / "pack.json", broken))[0] == 1
    for part in ("first", "last", "root", "chained", "signature", "key", "at"):
        broken = copy.deepcopy(pack)
        broken["checkpoints"][broken["events"][0]["checkpoint"]][part] = hostile
        assert check(monkeypatch, capsys, write_pack(tmp_path / "pack.json", broken))[0] == 1
    for part in ("public_keys", "events", "checkpoints"):
        assert check(monkeypatch, capsys, write_pack(tmp_path / "pack.json", {**pack, part: hostile}))[0] == 1


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 511))
def test_its_ed25519_says_what_the_library_says(seed, message, bit):
    public, signature = checkpoints.public_of(seed), checkpoints.sign(message, seed)
    assert verify_evidence.is_signed(message, signature, public)
    wrong = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(64, "big")
    assert not says(message, wrong, public)
    assert not says(message + b"x", signature, public)


def says(message: bytes, signature: bytes, public: bytes) -> bool:
    try:
        return verify_evidence.is_signed(message, signature, public)
    except ValueError:
        return False


def test_its_ed25519_passes_the_vector_of_the_rfc():
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    assert verify_evidence.is_signed(b"\x72", bytes.fromhex(signature), public)
