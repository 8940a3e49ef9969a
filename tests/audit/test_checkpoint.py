"""Checkpoints: one spelling of each, signed in the name of its own log."""

import base64
import hashlib

import pytest

from audit.checkpoint import LARGEST_SIZE, Checkpoint, open_checkpoint, parse_text
from audit.notes import InvalidNote, SigningKey, split, write

# The example of c2sp.org/tlog-checkpoint.
SPEC_TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SPEC_NOTE = (
    f"{SPEC_TEXT}\n— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
KEY = SigningKey.from_seed("portal.example/audit", bytes(range(32)))
NEXT = SigningKey.from_seed("portal.example/audit", bytes(range(1, 33)))
WITNESS = SigningKey.from_seed("witness.example/w", bytes(32))
HERE = Checkpoint("portal.example/audit", 7, hashlib.sha256(b"root").digest())


def test_the_published_checkpoint_is_read_and_written_alike():
    text, _ = split(SPEC_NOTE)
    found = parse_text(text)
    assert (found.origin, found.size, len(found.root)) == ("example.com/behind-the-sofa", 20_852_163, 32)
    assert found.text() == SPEC_TEXT


def test_what_is_signed_is_what_is_opened():
    assert open_checkpoint(HERE.signed(KEY), keys=[KEY.public]) == HERE


def test_the_empty_log_has_a_checkpoint():
    empty = Checkpoint("portal.example/audit", 0, hashlib.sha256().digest())
    assert open_checkpoint(empty.signed(KEY), keys=[KEY.public]) == empty


def test_two_keys_may_sign_and_each_of_them_opens():
    note = HERE.signed(KEY, NEXT)
    assert open_checkpoint(note, keys=[KEY.public]) == open_checkpoint(note, keys=[NEXT.public]) == HERE


def test_a_witness_beside_the_log_is_welcome():
    assert open_checkpoint(HERE.signed(KEY, WITNESS), keys=[WITNESS.public, KEY.public]) == HERE


def test_a_key_signs_for_no_other_log():
    with pytest.raises(InvalidNote, match="for another log"):
        open_checkpoint(HERE.signed(WITNESS), keys=[WITNESS.public])


def test_the_name_of_a_log_does_not_make_its_key():
    with pytest.raises(InvalidNote, match="not signed"):
        open_checkpoint(HERE.signed(NEXT), keys=[KEY.public])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\n1\n",
        SPEC_TEXT[:-1],
        SPEC_TEXT + "an extension\n",
        SPEC_TEXT + "\n",
        SPEC_TEXT.replace("example.com/behind-the-sofa", ""),
        SPEC_TEXT.replace("20852163", "020852163"),
        SPEC_TEXT.replace("20852163", "+20852163"),
        SPEC_TEXT.replace("20852163", "-1"),
        SPEC_TEXT.replace("20852163", "1_000"),
        SPEC_TEXT.replace("20852163", "١٢"),
        SPEC_TEXT.replace("20852163", " 20852163"),
        SPEC_TEXT.replace("20852163", str(LARGEST_SIZE + 1)),
        SPEC_TEXT.replace("20852163", "9" * 5_000),
        SPEC_TEXT.replace("q2I=", "q2J="),  # other bits where base64 has none
        SPEC_TEXT.replace("q2I=", "q2I"),
        SPEC_TEXT.replace("q2I=", "q2IAAAA="),
        SPEC_TEXT.replace("/Xajj", "_Xajj"),
        SPEC_TEXT.replace("q2I=", base64.b64encode(b"x").decode()),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str):
    with pytest.raises(InvalidNote):
        parse_text(text)


def test_a_signed_text_that_is_no_checkpoint_is_refused():
    text = f"{HERE.text()}extension\n"
    with pytest.raises(InvalidNote, match="three lines"):
        open_checkpoint(write(text, [KEY.sign(text)]), keys=[KEY.public])


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, bytes(32)),
        ("a\nb", 1, bytes(32)),
        ("a", -1, bytes(32)),
        ("a", 2**63, bytes(32)),
        ("a", 1, b""),
    ],
)
def test_no_checkpoint_is_made_of_nonsense(origin: str, size: int, root: bytes):
    with pytest.raises(ValueError, match=r"an origin|a size"):
        Checkpoint(origin, size, root)
