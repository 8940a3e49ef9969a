"""The anchors that are asked over the network: the bucket, and the witness."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from audit.anchors import AnchorFault, Contradiction, chosen
from audit.anchors.bucket import Bucket, Listed, name_of
from audit.anchors.witnessed import Witness
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.models import AuditCheckpoint
from audit.notes import InvalidNote, PublicKey
from audit.stored_tree import DamagedTree, stored_tree
from audit.verification.report import Report
from audit.verification.witnesses import Claim, check_stored

Read = tuple[int, int]  # size of the last checkpoint that was read in a bucket, and how many were


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Who is asked. What was sent by mail can only be named."""

    bucket: Bucket | None = None
    witness: Witness | None = None
    mailed_to: str = ""

    @classmethod
    def configured(cls) -> "Elsewhere":
        """Return those that the settings choose.

        Raises:
            notes.InvalidKey: AUDIT_WITNESS_KEY is no key.
        """
        mailed_to = chosen.remote().get(chosen.MAIL, "")
        return cls(chosen.bucket(clock=timezone.now), chosen.witness(), mailed_to)

    def claims(
        self, *, read: dict[str, Read], keys: Sequence[PublicKey], report: Report
    ) -> tuple[list[Claim], bool]:
        """Return what the bucket holds, and whether bucket or witness answered at all.

        `read` says how far a bucket was read, by its address, and is brought up to date. Who could not be asked is a
        notice of the report; who contradicts the log is a fault.
        """
        if self.mailed_to:
            report.notices.append(
                f"What was mailed to {self.mailed_to} was not looked at: save a mail, and name it with --anchors."
            )
        is_witnessed = self.witness is not None and _ask(self.witness, report)
        if self.bucket is None:
            return [], is_witnessed
        try:
            claims = _read(self.bucket, keys=keys, read=read, report=report)
        except AnchorFault as error:
            report.notices.append(f"The bucket {self.bucket.url} could not be asked: {error}.")
            return [], is_witnessed
        report.anchors += len(claims)
        check_stored(claims, report)
        _, count = read[self.bucket.url]
        return claims, is_witnessed or count > 0  # an empty one vouches for nothing


def _read(bucket: Bucket, *, keys: Sequence[PublicKey], read: dict[str, Read], report: Report) -> list[Claim]:
    """Return a claim for each object that is new.

    Raises:
        AnchorFault: the bucket could not be read to its end.
    """
    if not keys:
        raise AnchorFault("without a public key there is no telling which log to ask for")
    claims: dict[str, Claim] = {}  # an object that was written twice is listed twice
    last, count = read.get(bucket.url, (0, 0))
    for each in bucket.listed(keys[0].name, after=last):
        if each.root is None or each.is_hidden:
            report.add(_what_is_wrong_with(each, bucket))
        if each.root is not None:
            claims[each.name] = Claim(_who(each.name, bucket), each.size, each.root)
            last = each.size
    if claims:
        _check_content(bucket, next(reversed(claims.values())), keys=keys, report=report)
    read[bucket.url] = last, count + len(claims)
    return list(claims.values())


def _check_content(bucket: Bucket, claim: Claim, *, keys: Sequence[PublicKey], report: Report) -> None:
    """Compare the newest object with its name, which anybody may have given it who may write there."""
    name = name_of(Checkpoint(keys[0].name, claim.size, claim.root))
    try:
        found = open_checkpoint(bucket.note(name), keys=keys)
    except InvalidNote as error:
        report.add(f"{claim.who} is not a checkpoint of this log: {error}.")
    except AnchorFault as error:
        report.notices.append(f"{claim.who} could not be read: {error}.")
    else:
        if (found.size, found.root) != (claim.size, claim.root):
            report.add(f"{claim.who} holds another checkpoint than its name says.")


def _ask(witness: Witness, report: Report) -> bool:
    """Let the witness compare the newest stored checkpoint with the last that it saw; return whether it did."""
    newest = AuditCheckpoint.objects.order_by("-size").first()
    if newest is None:
        report.notices.append(f"The witness {witness.url} was not asked: there is no checkpoint yet.")
        return False
    tree = stored_tree()
    known = 0

    def proof(old: int, new: int) -> Sequence[bytes]:
        nonlocal known
        known = old
        return tree.consistency_proof(old, new)

    try:
        witness.submit(newest.note, known=0, proof=proof)
    except Contradiction as error:
        report.add(f"The witness {witness.url} contradicts: {error}.")
        return True
    except (AnchorFault, DamagedTree, InvalidNote) as error:
        report.notices.append(f"The witness {witness.url} could not be asked: {error}.")
        return False
    if known == 0:
        report.notices.append(f"The witness {witness.url} had never seen this log before.")
        return False
    report.anchors += 1
    return True


def _what_is_wrong_with(each: Listed, bucket: Bucket) -> str:
    what = "is not named as a checkpoint is" if each.root is None else "was hidden by a delete marker"
    return f"{_who(each.name, bucket)} {what}."


def _who(name: str, bucket: Bucket) -> str:
    return f"The object {name} in {bucket.url}"
