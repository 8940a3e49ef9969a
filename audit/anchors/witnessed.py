"""The other end of a witness (https://c2sp.org/tlog-witness): hand it a checkpoint, get its cosignature."""

import base64
import re
from collections.abc import Callable, Sequence

from audit import notes
from audit.anchors import AnchorFault, Contradiction
from audit.anchors.exchange import Answer, Exchange
from audit.checkpoint import parse_text
from audit.cosignatures import CosignerKey, cosignature_in
from audit.notes import InvalidNote

Proof = Callable[[int, int], Sequence[bytes]]  # of consistency, from one size to a larger one

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_REFUSALS = {403: "it does not know the key that signed", 404: "it does not know this log"}


class Witness:
    """A witness by its address, to which `/add-checkpoint` is appended, and its public key. For one thread."""

    def __init__(self, url: str, *, key: CosignerKey, exchange: Exchange | None = None) -> None:
        self.url = url
        self.key = key
        self._exchange = exchange or Exchange()

    def submit(self, note: str, *, known: int, proof: Proof) -> str:
        """Return the checkpoint `note` with the cosignature under it. `known` is the size that the witness knew last.

        When it knows another, it is asked once more with a proof from that.

        Raises:
            AnchorFault: there is no cosignature.
            Contradiction: the witness knows a log of which this one is no continuation.
        """
        size = parse_text(notes.split(note)[0]).size
        known = known if known <= size else 0  # it will say better
        answer = self._add(note, known, proof(known, size))
        if answer.status == 409:
            told = _size_in(answer)
            if told > size:
                raise Contradiction(f"it knows {told} records, but the log has {size}")
            known, before = told, known
            answer = self._add(note, known, proof(known, size)) if known != before else answer
        if answer.status == 422 or (answer.status == 409 and _size_in(answer) == known):
            raise Contradiction(f"the log does not continue the {known} records that it knows")
        if answer.status != 200:
            raise AnchorFault(_REFUSALS.get(answer.status, f"it answered {answer.status}"))
        return self._cosigned(note, answer)

    def _add(self, note: str, known: int, proof: Sequence[bytes]) -> Answer:
        lines = [f"old {known}", *(base64.b64encode(each).decode("ascii") for each in proof), "", note]
        return self._exchange.ask("POST", f"{self.url}/add-checkpoint", body="\n".join(lines).encode())

    def _cosigned(self, note: str, answer: Answer) -> str:
        try:
            # Others may have signed as well; only who is trusted is kept.
            signature, _ = cosignature_in(note + answer.body.decode(), by=self.key)
        except (InvalidNote, UnicodeDecodeError):
            raise AnchorFault(f"its answer is no cosignature of {self.key.name}") from None
        return f"{note}{signature}\n"


def _size_in(answer: Answer) -> int:
    found = _SIZE.fullmatch(answer.body)
    if found is None:
        raise AnchorFault("it answered 409 without the size that it knows")
    return int(found[1])
