"""Where the log keeps what may not stand in its database: keys, what was signed and verified, anchors."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Places:
    """Paths, none of which needs to exist."""

    folder: Path
    signing_key: Path
    anchors: Path
    receipt_key: Path

    @property
    def public_keys(self) -> Path:
        """Return the file of the keys by which the log is verified, one on each line; anybody may read it."""
        return self.folder / "public_keys"

    @property
    def next_signing_key(self) -> Path:
        """Return the file of the key that a rotation is about to put in place of `signing_key`."""
        return self.signing_key.with_name(f"{self.signing_key.name}.next")

    @property
    def receipt_keys(self) -> Path:
        """Return the file of the keys by which receipts are verified; anybody may read it."""
        return self.folder / "receipt_keys"

    @property
    def signed(self) -> Path:
        """Return the file of the last checkpoint that was signed here."""
        return self.folder / "signed"

    @property
    def verified(self) -> Path:
        """Return the file that says how far the log was verified."""
        return self.folder / "verified"

    @property
    def cosigned(self) -> Path:
        """Return the file of the newest checkpoint with the signature of the witness under it."""
        return self.folder / "cosigned"

    def health(self, anchor: str) -> Path:
        """Return the file that says how an anchor fares."""
        return self.folder / f"health_{anchor}"

    def lock(self, of: str) -> Path:
        """Return the file that whoever does a certain work on this machine holds."""
        return self.folder / f"{of}.lock"


def places() -> Places:
    """Return the paths that AUDIT_DIR and AUDIT_…_FILE of the settings choose."""
    given = getattr(settings, "AUDIT_DIR", "")
    folder = Path(given) if given else Path(settings.PORTAL_DATA_DIR) / "audit"
    return Places(
        folder=folder,
        signing_key=Path(getattr(settings, "AUDIT_SIGNING_KEY_FILE", "") or folder / "signing_key"),
        receipt_key=Path(getattr(settings, "AUDIT_RECEIPT_KEY_FILE", "") or folder / "receipt_key"),
        anchors=Path(getattr(settings, "AUDIT_ANCHOR_FILE", "") or folder / "anchors"),
    )
