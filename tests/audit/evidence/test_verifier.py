"""verify.py as one file: old Pythons, nothing but the standard library, and signatures as RFC 8032 has them."""

import ast
import sys

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.evidence import verifier
from audit.evidence.verifier.ed25519 import _L, is_signed
from audit.evidence.verifier.signed import Checkpoint, Fault, check_consistency, check_inclusion
from audit.merkle import leaf_hash, tree_of

# RFC 8032, section 7.1: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]
# What came after Python 3.8, by name.
NEWER = {"removeprefix", "removesuffix", "bit_count", "is_relative_to", "cache", "pairwise", "batched", "UTC"}


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_signatures_of_the_rfc_are_valid(public: str, message: str, signature: str):
    assert is_signed(bytes.fromhex(message), public=bytes.fromhex(public), signature=bytes.fromhex(signature))


@settings(max_examples=25, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=99), bit=st.integers(0, 767))
def test_a_signature_is_valid_where_another_library_says_so(seed: bytes, message: bytes, bit: int):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    signature, public = key.sign(message), key.public_key().public_bytes_raw()
    assert is_signed(message, public=public, signature=signature)
    both = bytearray(signature + public)
    both[bit // 8] ^= 1 << bit % 8
    signature, public = bytes(both[:64]), bytes(both[64:])
    assert is_signed(message, public=public, signature=signature) is _by_cryptography(
        message, public, signature
    )


def _by_cryptography(message: bytes, public: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_a_signature_has_one_spelling():
    public, message, signature = (bytes.fromhex(each) for each in VECTORS[1])
    scalar = int.from_bytes(signature[32:], "little") + _L
    assert not is_signed(message, public=public, signature=signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize(
    "public",
    [
        b"",
        b"\xff" * 32,
        b"\x02" + bytes(31),
        (2**255 - 19 + 1).to_bytes(32, "little"),
        bytes([1, *[0] * 30, 128]),
    ],
)
def test_what_is_no_point_is_no_key(public: bytes):
    assert not is_signed(b"", public=public, signature=bytes(64))


def test_verify_py_is_python_3_8():
    ast.parse(verifier.source(), feature_version=(3, 8))


def test_verify_py_uses_no_name_that_python_3_8_lacks():
    tree = ast.parse(verifier.source())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert used & NEWER == set()
    assert not any(
        keyword.arg in {"strict", "slots", "kw_only"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
    )


def test_verify_py_imports_the_standard_library_alone():
    tree = ast.parse(verifier.source())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {str(name).split(".")[0] for name in names} - sys.stdlib_module_names == set()


def test_no_name_of_verify_py_means_two_things():
    defined: list[str] = []
    for node in ast.parse(verifier.source()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.append(node.name)
        elif isinstance(node, ast.Assign):
            defined += [target.id for target in node.targets if isinstance(target, ast.Name)]
    assert sorted(defined) == sorted(set(defined))


def _checkpoint(size: int, root: bytes) -> Checkpoint:
    found = Checkpoint.__new__(Checkpoint)
    found.origin, found.size, found.root = "log", size, root
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 31, 33, 70])
def test_the_proofs_of_the_log_are_valid_and_no_others(size: int):
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    tree = tree_of(leaves)
    for index, leaf in enumerate(leaves):
        proof = tree.inclusion_proof(index, size)
        check_inclusion(index=index, size=size, leaf=leaf, proof=proof, root=tree.root(size))
        with pytest.raises(Fault):
            check_inclusion(index=index, size=size, leaf=bytes(32), proof=proof, root=tree.root(size))
        with pytest.raises(Fault):
            check_inclusion(
                index=index, size=size, leaf=leaf, proof=[*proof, bytes(32)], root=tree.root(size)
            )
    new = _checkpoint(size, tree.root(size))
    for old in range(1, size):
        proof = tree.consistency_proof(old, size)
        check_consistency(_checkpoint(old, tree.root(old)), new, proof)
        for forged in (proof[:-1], [*proof, bytes(32)], [bytes(32), *proof[1:]]):
            with pytest.raises(Fault):
                check_consistency(_checkpoint(old, tree.root(old)), new, forged)
        with pytest.raises(Fault):
            check_consistency(_checkpoint(old, bytes(32)), new, proof)
