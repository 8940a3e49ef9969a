"""Checkpoints by mail: sent to a real server, and found again in whatever an auditor saved."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from audit.anchors import AnchorFault
from audit.anchors.mail import Mailbox, notes_in
from audit.checkpoint import Checkpoint
from audit.notes import SigningKey
from tests.support.scripted_server import closed_port
from tests.support.smtp_server import Mails, smtp_server

KEY = SigningKey.from_seed("audit-log/0123456789abcdef", bytes(32))
NOTE = Checkpoint(KEY.name, 5, bytes(range(32))).signed(KEY)
BOX = Mailbox(["auditor@example.com", "board@example.com"], sender="portal@example.com")


def _deliver(settings: Any, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 3


@pytest.fixture
def mails(settings: Any) -> Iterator[Mails]:
    with smtp_server() as running:
        _deliver(settings, running.port)
        yield running


def test_a_checkpoint_is_sent_once_to_everybody(mails: Mails):
    BOX.send(NOTE)
    ((recipients, message),) = mails.taken
    assert recipients == ["auditor@example.com", "board@example.com"]
    assert "checkpoint of 5 records" in email.message_from_bytes(message)["Subject"]


def test_the_attachment_is_the_note_and_nothing_else(mails: Mails):
    BOX.send(NOTE)
    message = email.message_from_bytes(mails.taken[0][1], policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    (attachment,) = message.iter_attachments()
    assert attachment.get_content().replace("\r\n", "\n") == NOTE


def test_a_mail_as_it_was_received_gives_the_checkpoint(mails: Mails):
    BOX.send(NOTE)
    assert notes_in(mails.taken[0][1]) == [NOTE]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_however_a_program_encodes_it_the_checkpoint_is_found(encoding: str):
    message = EmailMessage()
    message["Subject"] = "Fwd: checkpoint"
    message.set_content(f"See below.\n\n{NOTE}\nRegards", cte=encoding)
    assert notes_in(message.as_bytes(policy=email.policy.SMTP)) == [NOTE]


@pytest.mark.parametrize(
    "text",
    [NOTE, f"Keep this.\n\n{NOTE}", f"{NOTE}\nand more\n", NOTE.replace("\n", "\r\n"), f"\n\n{NOTE}\n\n"],
)
def test_a_text_with_a_checkpoint_gives_it(text: str):
    assert notes_in(text.encode()) == [NOTE]


@pytest.mark.parametrize("saved", [b"", b"nonsense", b"\xff\xfe\x00", b"Subject: hello\n\nhow are you?\n"])
def test_where_there_is_none_none_is_found(saved: bytes):
    assert notes_in(saved) == []


def _fault() -> str:
    with pytest.raises(AnchorFault) as caught:
        BOX.send(NOTE)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_server_that_refuses_is_told_without_what_it_said(settings: Any):
    with smtp_server(refuses=True) as mails:
        _deliver(settings, mails.port)
        assert _fault() == "the mail server did not take it (SMTPSenderRefused 550)"
    assert mails.taken == []


def test_a_server_that_is_away_or_silent_is_told(settings: Any):
    _deliver(settings, closed_port())
    assert "ConnectionRefusedError" in _fault()
    with smtp_server(silent=True) as mails:
        _deliver(settings, mails.port)
        settings.EMAIL_TIMEOUT = 0.3
        assert "SMTPServerDisconnected" in _fault()
