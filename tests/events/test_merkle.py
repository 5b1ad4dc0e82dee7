"""The tree of RFC 6962: what is in it can be shown, and nothing else."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.events import merkle

ENTRIES = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def root_by_definition(entries: list[bytes]) -> bytes:
    """Section 2.1 word by word: the left subtree is the largest power of two smaller than the whole."""
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    split = 1 << (len(entries) - 1).bit_length() - 1
    return sha256(b"\x01" + root_by_definition(entries[:split]) + root_by_definition(entries[split:])).digest()


def leaves_of(entries: list[bytes]) -> list[bytes]:
    return [merkle.leaf(entry) for entry in entries]


@given(ENTRIES)
def test_the_root_is_that_of_the_definition(entries):
    assert merkle.root(leaves_of(entries)) == root_by_definition(entries)


def test_the_root_of_nothing_is_the_hash_of_nothing():
    assert merkle.root([]) == sha256(b"").digest()


def test_the_roots_are_those_that_others_publish():
    """The reference vectors of Certificate Transparency."""
    entries = [b"", b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"]
    roots = [merkle.root(leaves_of(entries[:count])).hex() for count in (1, 2, 3, 8)]
    assert roots == [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]


@given(ENTRIES, st.data())
def test_every_leaf_has_a_path_to_the_root_and_it_is_of_no_other_place(entries, data):
    leaves = leaves_of(entries)
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = merkle.path(leaves, index), merkle.root(leaves)
    assert len(path) <= (len(leaves) - 1).bit_length()
    for place in range(len(leaves)):
        fits = merkle.leads_to(root, leaves[index], path, index=place, count=len(leaves))
        assert fits == (place == index) or leaves.count(leaves[index]) > 1


@given(ENTRIES, st.data())
def test_one_flipped_bit_anywhere_breaks_the_proof(entries, data):
    leaves = leaves_of(entries)
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle.path(leaves, index)
    parts = [merkle.root(leaves), leaves[index], *(neighbour for _side, neighbour in path)]
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[which] = (int.from_bytes(parts[which], "big") ^ 1 << bit).to_bytes(32, "big")
    broken = [(side, parts[2 + at]) for at, (side, _neighbour) in enumerate(path)]
    assert not merkle.leads_to(parts[0], parts[1], broken, index=index, count=len(leaves))


@pytest.mark.parametrize("index", [-1, 3])
def test_what_is_not_in_the_tree_has_no_path(index):
    with pytest.raises(IndexError):
        merkle.path(leaves_of([b"a", b"b", b"c"]), index)


def test_a_node_is_never_a_leaf():
    left, right = merkle.leaf(b"a"), merkle.leaf(b"b")
    assert merkle.root([left, right]) != merkle.leaf(left + right)
