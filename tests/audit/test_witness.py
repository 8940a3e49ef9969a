"""The witness over HTTP: what tlog-witness demands, with the published requests of its author's own witness."""

import base64
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.cosignatures import cosignature_in, parse_cosigner
from audit.merkle import EMPTY_ROOT, leaf_hash, root_of, tree_of
from audit.notes import InvalidKey, PublicKey, SigningKey
from audit.witness import LONGEST_REQUEST, Witness
from bargeportal.processes import free_port
from tests.audit.sealed import wait_for
from tests.support.witness_server import witness_server

# From the tests of filippo.io/torchwood: a log of three and of five leaves that both begin with the same first one.
ORIGIN = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
PUBLISHED = PublicKey(
    ORIGIN, bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
)
ONE = (
    f"old 0\n\n{ORIGIN}\n1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— {ORIGIN} "
    "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=\n"
)
THREE = (
    "old 1\nKgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nKgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
    f"{ORIGIN}\n3\nRcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=\n\n— {ORIGIN} "
    "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=\n"
)
FIVE = (
    "old 1\nKgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=\n"
    "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
    f"{ORIGIN}\n5\nQrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=\n\n— {ORIGIN} "
    "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=\n"
)
LOG = SigningKey.from_seed("log.example", bytes(range(32)))
NAME = "witness.example/w"
LEAVES = [leaf_hash(b"%d" % number) for number in range(12)]
FORGED = [*LEAVES[:3], leaf_hash(b"forged"), *LEAVES[4:]]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "logs"
    path.write_text(f"{PUBLISHED}\n{LOG.public}\n")
    return path


@pytest.fixture
def witness(tmp_path: Path, keys: Path) -> Iterator[Witness]:
    made = Witness(tmp_path / "witness", logs=[keys], name=NAME, clock=lambda: 1_679_315_147.9)
    yield made
    made.close()


@pytest.fixture
def url(witness: Witness) -> Iterator[str]:
    with witness_server(witness) as url:
        yield url


def post(url: str, body: str | bytes) -> requests.Response:
    data = body.encode() if isinstance(body, str) else body
    return requests.post(f"{url}/add-checkpoint", data=data, timeout=20)


def note_of(leaves: Sequence[bytes], *, by: SigningKey = LOG) -> str:
    return Checkpoint(LOG.name, len(leaves), root_of(leaves)).signed(by)


def body_of(leaves: Sequence[bytes], *, old: int, by: SigningKey = LOG, proof: object = None) -> str:
    hashes = tree_of(leaves).consistency_proof(old, len(leaves)) if proof is None else proof
    lines = [f"old {old}", *(base64.b64encode(each).decode() for each in hashes)]
    return "\n".join([*lines, "", note_of(leaves, by=by)])


def test_the_published_requests_are_answered_as_published(url: str):
    assert post(url, ONE).status_code == 200
    assert post(url, FIVE).status_code == 200
    late = post(url, THREE)
    assert (late.status_code, late.text, late.headers["Content-Type"]) == (409, "5\n", "text/x.tlog.size")


def test_the_answer_is_a_cosignature_of_the_checkpoint(url: str, witness: Witness):
    answer = post(url, ONE)
    note = ONE.partition("\n\n")[2] + answer.text
    assert cosignature_in(note, by=witness.public)[1] == 1_679_315_147


def test_every_continuation_is_signed_and_the_same_one_again(url: str):
    for old, new in [(0, 1), (1, 2), (2, 7), (7, 7), (7, 8), (8, 12)]:
        assert post(url, body_of(LEAVES[:new], old=old)).status_code == 200


def test_an_empty_log_is_signed(url: str):
    assert post(url, body_of([], old=0)).status_code == 200
    assert post(url, body_of(LEAVES[:1], old=0)).status_code == 200


def test_an_empty_log_with_another_root_is_refused(url: str):
    note = Checkpoint(LOG.name, 0, bytes(32)).signed(LOG)
    assert note.split("\n")[2] != base64.b64encode(EMPTY_ROOT).decode()
    assert post(url, f"old 0\n\n{note}").status_code == 422


def test_a_rewritten_log_is_refused_though_its_key_signed_it(url: str, witness: Witness):
    assert post(url, body_of(LEAVES[:5], old=0)).status_code == 200
    for proof in (tree_of(FORGED).consistency_proof(5, 12), tree_of(LEAVES).consistency_proof(5, 12), []):
        assert post(url, body_of(FORGED, old=5, proof=proof)).status_code == 422
    kept = witness.last_of(LOG.name).read_text()
    assert open_checkpoint(kept, keys=[LOG.public]).root == root_of(LEAVES[:5])


def test_a_rewritten_log_of_the_same_size_is_refused(url: str):
    assert post(url, body_of(LEAVES[:5], old=0)).status_code == 200
    answer = post(url, body_of(FORGED[:5], old=5))
    assert (answer.status_code, answer.text) == (409, "5\n")


def test_a_shorter_log_is_refused(url: str):
    assert post(url, body_of(LEAVES, old=0)).status_code == 200
    assert post(url, body_of(LEAVES[:5], old=0)).text == "12\n"
    assert post(url, f"old 12\n\n{note_of(LEAVES[:5])}").status_code == 400


def test_a_proof_where_there_is_nothing_to_prove_is_refused(url: str):
    assert post(url, body_of(LEAVES, old=0, proof=[bytes(32)])).status_code == 422


def test_a_log_that_is_not_known_is_not_found(url: str):
    stranger = SigningKey.from_seed("other.example", bytes(32))
    note = Checkpoint("other.example", 1, bytes(32)).signed(stranger)
    assert post(url, f"old 0\n\n{note}").status_code == 404


def test_a_key_that_is_not_known_is_forbidden(url: str):
    thief = SigningKey.from_seed(LOG.name, bytes(32))
    assert post(url, body_of(LEAVES, old=0, by=thief)).status_code == 403


def test_a_known_key_may_not_sign_for_another_log(url: str):
    note = Checkpoint(ORIGIN, 1, bytes(32)).signed(LOG)
    assert post(url, f"old 0\n\n{note}").status_code == 403


def test_a_log_that_is_added_meanwhile_is_known(url: str, keys: Path):
    other = SigningKey.from_seed("other.example", bytes(32))
    keys.write_text(f"{keys.read_text()}{other.public}\n")
    assert post(url, f"old 0\n\n{Checkpoint('other.example', 1, bytes(32)).signed(other)}").status_code == 200


def test_lines_after_the_third_are_signed_with_the_checkpoint(url: str, witness: Witness):
    from audit.notes import write

    text = f"{Checkpoint(LOG.name, 1, root_of(LEAVES[:1])).text()}extension\n"
    note = write(text, [LOG.sign(text)])
    answer = post(url, f"old 0\n\n{note}")
    assert answer.status_code == 200
    cosignature_in(note + answer.text, by=witness.public)
    assert post(url, body_of(LEAVES, old=1)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        "old 0",
        "old 0\n",
        ONE.replace("old 0", "old 00"),
        ONE.replace("old 0", "old -1"),
        ONE.replace("old 0", "old"),
        ONE.replace("old 0", "OLD 0"),
        ONE.replace("old 0", "old  0"),
        ONE.replace("\n\n", "\n", 1),
        ONE.replace("old 0\n", "old 0\nnonsense!\n"),
        ONE.replace("old 0\n", "old 0\nAAAA\n"),
        ONE.replace("old 0\n", "old 0\n" + "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64),
        ONE.replace("\n1\n", "\n01\n"),
        ONE.replace("— ", "- "),
        ONE[:-1],
        b"\xff" + ONE.encode(),
    ],
)
def test_what_is_no_request_is_a_bad_one(url: str, body: str | bytes):
    assert post(url, body).status_code == 400


def test_a_request_that_is_too_long_is_refused(url: str):
    assert post(url, "x" * (LONGEST_REQUEST + 1)).status_code == 413


def test_nothing_else_is_served(url: str):
    assert requests.get(f"{url}/", timeout=20).status_code == 404
    assert requests.get(f"{url}/add-checkpoint", timeout=20).status_code == 405


def test_what_cannot_be_kept_is_not_signed(url: str, witness: Witness):
    witness.last_of(LOG.name).mkdir()
    answer = post(url, body_of(LEAVES, old=0))
    assert (answer.status_code, "—" in answer.text) == (500, False)


def test_of_two_at_once_from_the_same_size_one_is_signed(url: str):
    assert post(url, body_of(LEAVES[:4], old=0)).status_code == 200
    statuses: list[int] = []
    bodies = [body_of(LEAVES[:size], old=4) for size in (6, 9)] * 4
    threads = [
        threading.Thread(target=lambda body=body: statuses.append(post(url, body).status_code))
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [200] + [409] * 7


def test_two_witnesses_may_not_share_a_folder(witness: Witness, tmp_path: Path, keys: Path):
    with pytest.raises(BlockingIOError):
        Witness(tmp_path / "witness", logs=[keys], name=NAME)


def test_a_witness_keeps_its_name(witness: Witness, tmp_path: Path, keys: Path):
    with pytest.raises(InvalidKey, match=r"has the name witness\.example/w"):
        Witness(tmp_path / "witness", logs=[keys], name="another")


# --- As a process of its own ----------------------------------------------------------------------------------
@contextmanager
def _started(folder: Path, keys: Path, port: int) -> Iterator[str]:
    """Run a witness, and kill it; give the key that it prints."""
    command = [sys.executable, "-m", "audit.witness", "--folder", str(folder), "--name", NAME]
    with subprocess.Popen(
        [*command, "--log", str(keys), "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            key = process.stdout.readline().strip()
            wait_for(lambda: _listens(port))
            yield key
        finally:
            process.kill()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_witness_that_was_killed_goes_on_where_it_was(tmp_path: Path, keys: Path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _started(tmp_path / "own", keys, port) as key:
        answer = post(url, body_of(LEAVES[:5], old=0))
        cosignature_in(note_of(LEAVES[:5]) + answer.text, by=parse_cosigner(key))
    with _started(tmp_path / "own", keys, port) as again:
        assert again == key
        assert post(url, body_of(FORGED, old=0)).text == "5\n"
        assert post(url, body_of(FORGED, old=5)).status_code == 422
        assert post(url, body_of(LEAVES, old=5)).status_code == 200


def test_a_witness_without_the_keys_of_a_log_does_not_start(tmp_path: Path):
    command = [sys.executable, "-m", "audit.witness", "--folder", str(tmp_path / "own"), "--name", NAME]
    done = subprocess.run(
        [*command, "--log", str(tmp_path / "none")], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "The witness cannot start" in done.stderr) == (1, True)
