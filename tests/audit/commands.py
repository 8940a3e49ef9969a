"""The log's own commands, as somebody at a terminal runs them."""

from io import StringIO

from django.core.management import call_command


def verify(*options: str) -> tuple[int, str]:
    """Return exit status and output."""
    out = StringIO()
    try:
        call_command("verify_audit", *options, stdout=out, stderr=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()
