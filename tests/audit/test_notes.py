"""Signed notes: the published examples byte for byte, and nothing but well-formed notes."""

from itertools import pairwise

import pytest

from audit import notes
from audit.notes import InvalidKey, InvalidNote, SigningKey, open_note, parse_public_key, split, write

# The example of golang.org/x/mod/sumdb/note, from which the specification comes.
GO_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUg"
    "YN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
GO_NOTE = f"{GO_TEXT}\n{GO_SIGNATURE}\n"
# The example of c2sp.org/signed-note, section "Verifier keys".
SPEC_PUBLIC = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The example at its top: a text with an empty line in it.
SPEC_POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+"
    "EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
OWN = SigningKey.from_seed("portal.example/audit", bytes(range(32)))
OTHER = SigningKey.from_seed("witness.example/w", bytes(32))


def test_the_published_key_signs_the_published_text_alike():
    key = SigningKey.parse(GO_SECRET)
    assert write(GO_TEXT, [key.sign(GO_TEXT)]) == GO_NOTE
    assert (str(key.public), key.secret()) == (GO_PUBLIC, GO_SECRET)


@pytest.mark.parametrize(("public", "note"), [(GO_PUBLIC, GO_NOTE), (SPEC_PUBLIC, SPEC_NOTE)])
def test_the_published_notes_are_verified(public: str, note: str):
    key = parse_public_key(public)
    assert open_note(note, keys=[key]) == (note.rpartition("\n\n")[0] + "\n", [key])
    assert str(key) == public


def test_a_text_may_hold_empty_lines():
    text, (signature,) = split(SPEC_POEM)
    assert text.endswith("\n\ned è subito sera.\n")
    assert (signature.name, signature.key_id.hex()) == ("quasimodo.example/salvatore", "367ba04b")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        GO_TEXT,
        GO_NOTE[:-1],
        GO_NOTE + "\n",
        GO_NOTE.replace("\n", "\r\n"),
        GO_NOTE.replace("your", "y\x00ur"),
        GO_NOTE.replace("your", "y\tur"),
        f"{GO_TEXT}{GO_SIGNATURE}\n",
        GO_NOTE.replace("— ", "- "),
        GO_NOTE.replace("— ", "—  "),
        GO_NOTE.replace("PeterNeumann ", "Peter Neumann "),
        GO_NOTE.replace("PeterNeumann ", "Peter+Neumann "),
        GO_NOTE.replace("PeterNeumann ", ""),
        GO_NOTE.replace("AM=", "AN="),  # other bits where base64 has none
        GO_NOTE.replace("AM=", "AM"),
        f"{GO_TEXT}\n— PeterNeumann x08gow==\n",  # the key's id and nothing after it
        f"{GO_NOTE}text behind the signatures\n",
        f"{GO_TEXT}\n" + f"{GO_SIGNATURE}\n" * (notes.MOST_SIGNATURES + 1),
        "x" * notes.LONGEST + GO_NOTE,
    ],
)
def test_what_is_no_note_is_refused(note: str):
    with pytest.raises(InvalidNote):
        open_note(note, keys=[parse_public_key(GO_PUBLIC)])


def test_a_changed_text_is_refused():
    with pytest.raises(InvalidNote, match="PeterNeumann is wrong"):
        open_note(GO_NOTE.replace("answer", "question"), keys=[parse_public_key(GO_PUBLIC)])


def test_a_note_that_nobody_known_signed_is_refused():
    with pytest.raises(InvalidNote, match="not signed by a key that is trusted"):
        open_note(GO_NOTE, keys=[OWN.public])


def test_a_key_of_the_same_name_is_not_the_key():
    double = SigningKey.from_seed("PeterNeumann", bytes(32))
    with pytest.raises(InvalidNote, match="not signed"):
        open_note(GO_NOTE, keys=[double.public])


def test_several_may_sign_and_strangers_are_ignored():
    note = write("text\n", [OWN.sign("text\n"), OTHER.sign("text\n")])
    assert open_note(note, keys=[OTHER.public]) == ("text\n", [OTHER.public])
    assert open_note(note, keys=[OTHER.public, OWN.public]) == ("text\n", [OWN.public, OTHER.public])


def test_one_wrong_signature_of_a_known_key_spoils_the_note():
    note = write("text\n", [OWN.sign("text\n"), OTHER.sign("other\n")])
    with pytest.raises(InvalidNote, match=r"witness\.example/w is wrong"):
        open_note(note, keys=[OWN.public, OTHER.public])


@pytest.mark.parametrize("text", ["no newline", "carriage\r\n", ""])
def test_a_text_that_could_not_be_read_again_is_not_signed(text: str):
    with pytest.raises(InvalidNote):
        write(text, [OWN.sign(text)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        GO_PUBLIC.replace("c74f20a3", "c74f20a4"),
        GO_PUBLIC.replace("c74f20a3", "C74F20A3"),
        GO_PUBLIC.replace("PeterNeumann", "Peter"),
        GO_PUBLIC.replace("ARpc", "AZpc"),
        GO_PUBLIC.replace("ARpc", "Ampc"),
        GO_PUBLIC + "AAAA",
        GO_PUBLIC[:-1],
        GO_SECRET,
    ],
)
def test_what_is_no_public_key_is_refused(text: str):
    with pytest.raises(InvalidKey):
        parse_public_key(text)


@pytest.mark.parametrize("text", ["", GO_PUBLIC, GO_SECRET.replace("AYEK", "AYEL"), GO_SECRET[:-4]])
def test_what_is_no_private_key_is_refused_and_not_repeated(text: str):
    with pytest.raises(InvalidKey) as caught:
        SigningKey.parse(text)
    assert "FALVFGyN" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "with blank", "with+plus", "with\u2003space"])
def test_a_name_that_would_break_the_line_is_refused(name: str):
    with pytest.raises(InvalidKey):
        _ = SigningKey.from_seed(name, bytes(32)).public


def test_a_key_does_not_print_its_secret():
    assert all(part not in repr(OWN) for part in (OWN.secret(), bytes(range(32)).hex()))


def test_signatures_are_the_same_each_time():
    assert all(a == b for a, b in pairwise(str(OWN.sign("text\n")) for _ in range(3)))
