"""Checkpoints by e-mail, and how they are found again in what somebody saved."""

import email
import email.policy
import re
import smtplib
from collections.abc import Sequence

from django.core.mail import EmailMessage

from audit.anchors import AnchorFault
from audit.checkpoint import parse_text
from audit.notes import split

_NOTE = re.compile(r"^[^\n]+\n(?:0|[1-9][0-9]*)\n[A-Za-z0-9+/=]+\n\n(?:— [^\n]+\n)+", re.MULTILINE)
_TEXT = """This is a signed checkpoint of the audit log {origin}: its first {size} records. Keep it.

With it and the public key anybody can find out, without us, whether one of them was changed, removed, moved or
hidden since: save this mail and run `manage.py verify_audit --full --anchors FILE`.

{note}"""


class Mailbox:
    """Whom checkpoints are sent to. The server is that of Django's own settings."""

    def __init__(self, recipients: Sequence[str], *, sender: str) -> None:
        self.recipients = recipients
        self._sender = sender

    def send(self, note: str) -> None:
        """Send the checkpoint `note`.

        Raises:
            AnchorFault: the server did not take it.
        """
        found = parse_text(split(note)[0])
        message = EmailMessage(
            subject=f"Audit log: checkpoint of {found.size} records",
            body=_TEXT.format(origin=found.origin, size=found.size, note=note),
            from_email=self._sender,
            to=list(self.recipients),
        )
        message.attach(f"checkpoint-{found.size}.txt", note, "text/plain")
        try:
            message.send()
        except (OSError, smtplib.SMTPException) as error:
            # What a server says may repeat who logged in: its number is enough to look it up.
            code = getattr(error, "smtp_code", "")
            raise AnchorFault(f"the mail server did not take it ({type(error).__name__} {code})") from None


def notes_in(saved: bytes) -> list[str]:
    """Return the checkpoints in a file, each once: a note alone, a text around one, or a mail as programs save it."""
    texts = [saved.decode(errors="replace")]
    if not _notes(texts):
        message = email.message_from_bytes(saved, policy=email.policy.default)
        texts = [
            str(part.get_content()) for part in message.walk() if part.get_content_type() == "text/plain"
        ]
    return _notes(texts)


def _notes(texts: Sequence[str]) -> list[str]:
    """The text of a mail has the note, and so has what is attached to it."""
    return list(dict.fromkeys(note for text in texts for note in _NOTE.findall(text.replace("\r\n", "\n"))))
