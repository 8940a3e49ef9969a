"""Cosignatures: the published ones are verified, ours have their form, and nothing else passes."""

import pytest

from audit.cosignatures import CosignerKey, cosign, cosignature_in, parse_cosigner
from audit.notes import InvalidKey, InvalidNote, SigningKey, split

# A checkpoint of a public log with the cosignatures of public witnesses, whose keys they publish.
PUBLIC = (
    "arche2025h1.staging.ct.transparency.dev\n1432088532\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n"
    "— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75Md"
    "hL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n"
    "— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXH"
    "AwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==\n"
    "— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hN"
    "I7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==\n"
    "— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU"
    "/zZ0WBxtqB0DrAWfBw==\n"
    "— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFuc"
    "gKi7lI7cUiOvKFYe/TmN9DAg==\n"
)
PUBLIC_WITNESSES = (
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
)
# The example of c2sp.org/tlog-cosignature, whose key is not published: its form can be compared.
SPEC = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9"
    "nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZq"
    "hf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
KEY = SigningKey.from_seed("witness.example/w", bytes(range(32)))
TEXT = split(SPEC)[0]


@pytest.mark.parametrize("key", PUBLIC_WITNESSES)
def test_the_cosignatures_of_public_witnesses_are_verified(key: str):
    witness = parse_cosigner(key)
    assert cosignature_in(PUBLIC, by=witness)[1] == 1_779_573_024
    assert str(witness) == key


@pytest.mark.parametrize("key", PUBLIC_WITNESSES)
def test_under_another_checkpoint_they_are_wrong(key: str):
    with pytest.raises(InvalidNote, match="is wrong"):
        cosignature_in(PUBLIC.replace("\n1432088532\n", "\n1432088533\n"), by=parse_cosigner(key))


def test_a_cosignature_has_the_form_of_the_published_one():
    published = split(SPEC)[1][1]
    own = cosign(TEXT, KEY, at=1_679_315_147)
    assert len(own.signature) == len(published.signature)
    assert own.signature[:8] == published.signature[:8]  # its time, 1679315147 by the specification
    assert cosignature_in(f"{TEXT}\n{own}\n", by=CosignerKey(KEY.public)) == (own, 1_679_315_147)


def test_what_is_signed_is_the_published_message():
    own = cosign(TEXT, KEY, at=1_679_315_147)
    message = (
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert KEY.public.verify(message, own.signature[8:])


def test_a_cosignature_is_not_taken_for_the_signature_of_a_log_nor_the_other_way_round():
    witness = CosignerKey(KEY.public)
    assert witness.id != KEY.public.id
    with pytest.raises(InvalidNote, match="not cosigned"):
        cosignature_in(f"{TEXT}\n{KEY.sign(TEXT)}\n", by=witness)


@pytest.mark.parametrize("place", [0, 7, 8, 71])
def test_a_changed_byte_is_found(place: int):
    raw = bytearray(cosign(TEXT, KEY, at=1).signature)
    raw[place] ^= 1
    assert CosignerKey(KEY.public).time_of(TEXT, bytes(raw)) is None


@pytest.mark.parametrize(("at", "is_taken"), [(0, True), (2**63 - 1, True), (2**63, False)])
def test_a_time_beyond_63_bits_is_none(at: int, is_taken: bool):
    signature = cosign(TEXT, KEY, at=at).signature
    assert CosignerKey(KEY.public).time_of(TEXT, signature) == (at if is_taken else None)


@pytest.mark.parametrize("length", [0, 8, 71, 73])
def test_a_signature_of_another_length_is_none(length: int):
    assert CosignerKey(KEY.public).time_of(TEXT, bytes(length)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "remora.n621.de+da77ade8+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "remora.n621.de+da77ade7+AevN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "remora.n621.de+da77ade7+BOvN63jn",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_what_is_no_key_of_a_witness_is_refused(text: str):
    with pytest.raises(InvalidKey):
        parse_cosigner(text)
