"""The one who signs checkpoints, and trusts neither the database nor whoever asks.

It keeps the last checkpoint that it signed in a file, and signs another only when that one is proved to be
its beginning. Web processes never import this module (an import contract says so).
"""

import secrets
from pathlib import Path

from audit import files, key_rotation
from audit.checkpoint import ORIGIN, Checkpoint, open_checkpoint
from audit.merkle import InvalidProof, Tree, verify_consistency
from audit.notes import InvalidKey, InvalidNote, SigningKey
from audit.places import Places


class Refused(Exception):
    """What was asked to be signed does not continue what was signed before, or there is no key for it."""


class Signer:
    """Signs checkpoints of one log. One process at a time: the sealer's lock sees to it.

    `is_new` says that the log has no checkpoint yet: only then may there be none signed here, and a key be made.
    """

    def __init__(self, places: Places, *, is_new: bool) -> None:
        self._state = places.signed
        self._key = _signing_key(places, is_new=is_new)
        if not is_new and not self._state.exists():
            raise Refused(
                f"{self._state} is gone, though the log has checkpoints: what was signed last cannot be told. "
                "Find out why; then `manage.py seal_audit --adopt` takes the newest stored one for it."
            )

    @property
    def origin(self) -> str:
        """Return the name of the log."""
        return self._key.name

    def last(self) -> Checkpoint | None:
        """Return what was signed last.

        Raises:
            Refused: the file was changed, or belongs to another key.
        """
        return read_signed(self._state, self._key)

    def check(self, tree: Tree, *, size: int) -> None:
        """Make sure that the log of `size` leaves continues what was signed last. Signs nothing.

        Raises:
            Refused: it does not.
        """
        last = self.last()
        if last is None:
            return
        if size < last.size:
            raise Refused(
                f"the log has {size} records, but {last.size} were signed: "
                "the database was restored from a backup, or cut"
            )
        if tree.root(last.size) != last.root:
            raise Refused(f"the first {last.size} records are not those that were signed")

    def sign(self, tree: Tree, *, size: int) -> str:
        """Return the checkpoint of the first `size` leaves, which are committed, as a signed note.

        It is kept here, durably, before it is handed out. Asked again for the last one, the same comes out.

        Raises:
            Refused: it would not continue what was signed last.
        """
        self.check(tree, size=size)
        last = self.last()
        found = Checkpoint(self.origin, size, tree.root(size))
        if last is not None:
            try:
                verify_consistency(
                    old_size=last.size,
                    new_size=size,
                    old_root=last.root,
                    new_root=found.root,
                    proof=tree.consistency_proof(last.size, size),
                )
            except InvalidProof as error:
                raise Refused(f"the log does not continue what was signed: {error}") from error
        note = found.signed(self._key)
        files.write_whole(self._state, note)
        return note


def adopt(places: Places, *, note: str) -> Checkpoint:
    """Take `note`, the newest stored checkpoint, for what was signed last, because the file of it was lost.

    Raises:
        Refused: the file is there, or the note was not signed by the key that is here.
    """
    if places.signed.exists():
        raise Refused(f"{places.signed} is there: nothing needs to be adopted")
    key = _signing_key(places, is_new=False)
    try:
        found = open_checkpoint(note, keys=[key.public])
    except InvalidNote as error:
        raise Refused(f"the newest stored checkpoint is not this key's: {error}") from error
    files.write_whole(places.signed, note)
    return found


class Rotation:
    """Hands the log over to a new key of the same name. Each step may be done again by whoever comes after a crash."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._old = _signing_key(places, is_new=False)
        path = places.next_signing_key
        if not path.exists():
            made = SigningKey.from_seed(self._old.name, secrets.token_bytes(32))
            files.write_new(path, f"{made.secret()}\n")
        self._new = SigningKey.parse(path.read_text(encoding="utf-8").strip())

    def announce(self) -> str:
        """Publish the new key beside the old one, and return the statement for the log."""
        known = self._places.public_keys.read_text(encoding="utf-8")
        if str(self._new.public) not in known.splitlines():
            files.write_whole(self._places.public_keys, f"{known.rstrip()}\n{self._new.public}\n", mode=0o644)
        return key_rotation.statement(self._old, self._new.public)

    def complete(self) -> None:
        """Let the new key sign from now on. What was signed last is signed by both, so that either finds it."""
        last = read_signed(self._places.signed, self._old)
        if last is None:
            raise Refused("nothing was signed yet: a new log needs no other key")
        files.write_whole(self._places.signed, last.signed(self._old, self._new))
        self._places.next_signing_key.replace(self._places.signing_key)
        files.sync_folder(self._places.signing_key.parent)


def read_signed(path: Path, key: SigningKey) -> Checkpoint | None:
    """Return the checkpoint in the file of what was signed last, None when there is none."""
    try:
        return open_checkpoint(path.read_text(encoding="utf-8"), keys=[key.public])
    except FileNotFoundError:
        return None
    except (InvalidNote, UnicodeDecodeError) as error:
        raise Refused(f"{path} is not what this key signed: {error}") from error


def _signing_key(places: Places, *, is_new: bool) -> SigningKey:
    path = places.signing_key
    if is_new and not path.exists():
        # The name is that of the log, for ever and wherever it moves: hence no address in it.
        made = SigningKey.from_seed(f"{ORIGIN}{secrets.token_hex(8)}", secrets.token_bytes(32))
        files.write_new(path, f"{made.secret()}\n")
    try:
        key = SigningKey.parse(path.read_text(encoding="utf-8").strip())
    except FileNotFoundError as error:
        raise Refused(f"the log has checkpoints, but {path} with its key is not there") from error
    except (InvalidKey, UnicodeDecodeError) as error:
        raise Refused(f"{path}: {error}") from error
    if not places.public_keys.exists():
        files.write_new(places.public_keys, f"{key.public}\n", mode=0o644)
    return key
