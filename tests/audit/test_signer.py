"""The signer: it signs what continues what it signed before, and nothing else."""

import re
from pathlib import Path

import pytest

from audit import files
from audit.checkpoint import open_checkpoint
from audit.merkle import Tree, leaf_hash, tree_of
from audit.notes import SigningKey, parse_public_key
from audit.places import Places
from audit.signer import Refused, Signer, adopt

LEAVES = [leaf_hash(b"%d" % number) for number in range(20)]
OTHERS = [leaf_hash(b"other %d" % number) for number in range(20)]


@pytest.fixture
def where(tmp_path: Path) -> Places:
    return Places(
        tmp_path / "log", tmp_path / "log" / "signing_key", tmp_path / "anchors", tmp_path / "receipt_key"
    )


@pytest.fixture
def signer(where: Places) -> Signer:
    return Signer(where, is_new=True)


def test_a_new_log_gets_a_key_that_only_its_owner_reads(signer: Signer, where: Places):
    assert where.signing_key.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"audit-log/[0-9a-f]{16}", signer.origin)
    public = parse_public_key(where.public_keys.read_text())
    assert public == SigningKey.parse(where.signing_key.read_text().strip()).public


def test_a_second_start_finds_the_same_key(signer: Signer, where: Places):
    assert Signer(where, is_new=True).origin == signer.origin


def test_what_is_signed_opens_with_the_public_key(signer: Signer, where: Places):
    note = signer.sign(tree_of(LEAVES), size=7)
    found = open_checkpoint(note, keys=[parse_public_key(where.public_keys.read_text())])
    assert (found.size, found.root) == (7, tree_of(LEAVES).root(7))
    assert where.signed.read_text() == note


def test_the_same_size_is_signed_alike_again(signer: Signer):
    assert signer.sign(tree_of(LEAVES), size=7) == signer.sign(tree_of(LEAVES), size=7)


def test_a_log_that_grew_is_signed(signer: Signer):
    for size in (1, 2, 7, 20):
        signer.sign(tree_of(LEAVES), size=size)
    last = signer.last()
    assert last is not None
    assert last.size == 20


def test_a_smaller_log_is_refused(signer: Signer):
    signer.sign(tree_of(LEAVES), size=7)
    for act in (signer.sign, signer.check):
        with pytest.raises(Refused, match="6 records, but 7 were signed"):
            act(tree_of(LEAVES), size=6)


@pytest.mark.parametrize("size", [7, 8, 20])
def test_another_log_is_refused(signer: Signer, size: int):
    signer.sign(tree_of(LEAVES), size=7)
    with pytest.raises(Refused, match="first 7 records are not those"):
        signer.sign(tree_of([*LEAVES[:3], *OTHERS[3:]]), size=size)


def test_a_tree_that_shows_the_signed_root_but_does_not_continue_it_is_refused(signer: Signer):
    signer.sign(tree_of(LEAVES), size=7)

    class Forked(Tree):
        def root(self, size: int) -> bytes:
            return (tree_of(LEAVES) if size == 7 else tree_of(OTHERS)).root(size)

    with pytest.raises(Refused, match="does not continue"):
        signer.sign(Forked(tree_of(LEAVES)._subtree), size=9)


def test_nothing_that_was_refused_is_remembered(signer: Signer, where: Places):
    note = signer.sign(tree_of(LEAVES), size=7)
    with pytest.raises(Refused):
        signer.sign(tree_of(OTHERS), size=9)
    assert where.signed.read_text() == note


def test_the_state_is_durable_before_the_signature_is_handed_out(
    signer: Signer, where: Places, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files, "write_whole", fail)
    with pytest.raises(OSError, match="disk full"):
        signer.sign(tree_of(LEAVES), size=7)


def test_a_log_with_checkpoints_gets_no_new_key(where: Places):
    with pytest.raises(Refused, match="signing_key with its key is not there"):
        Signer(where, is_new=False)
    assert not where.signing_key.exists()


def test_a_lost_state_is_not_guessed(signer: Signer, where: Places):
    signer.sign(tree_of(LEAVES), size=7)
    where.signed.unlink()
    with pytest.raises(Refused, match="signed is gone"):
        Signer(where, is_new=False)


def test_a_lost_state_is_adopted_by_a_persons_act(signer: Signer, where: Places):
    note = signer.sign(tree_of(LEAVES), size=7)
    where.signed.unlink()
    assert adopt(where, note=note).size == 7
    with pytest.raises(Refused, match="6 records, but 7"):
        Signer(where, is_new=False).check(tree_of(LEAVES), size=6)


def test_a_state_that_is_there_is_not_replaced(signer: Signer, where: Places):
    note = signer.sign(tree_of(LEAVES), size=7)
    signer.sign(tree_of(LEAVES), size=8)
    with pytest.raises(Refused, match="nothing needs"):
        adopt(where, note=note)


def test_a_checkpoint_of_another_key_is_not_adopted(signer: Signer, where: Places, tmp_path: Path):
    other = Signer(
        Places(tmp_path / "2", tmp_path / "2" / "key", tmp_path / "a", tmp_path / "r"), is_new=True
    )
    with pytest.raises(Refused, match="not this key's"):
        adopt(where, note=other.sign(tree_of(LEAVES), size=7))


@pytest.mark.parametrize("text", ["", "nonsense", "log\n7\nAAAA\n\n— log AAAA\n"])
def test_a_state_that_was_changed_is_refused(signer: Signer, where: Places, text: str):
    signer.sign(tree_of(LEAVES), size=7)
    where.signed.write_text(text)
    with pytest.raises(Refused, match="is not what this key signed"):
        signer.sign(tree_of(LEAVES), size=8)


def test_a_key_that_is_none_is_refused_without_being_shown(where: Places):
    files.write_new(where.signing_key, "PRIVATE+KEY+secret-part\n")
    with pytest.raises(Refused) as caught:
        Signer(where, is_new=False)
    assert "secret-part" not in str(caught.value)
