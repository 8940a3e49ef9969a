"""The log's own commands, as somebody at a terminal runs them."""

from io import StringIO

from django.core.management import call_command


def verify(*options: str, errors: StringIO | None = None) -> tuple[int, str]:
    """Return exit status and output; progress goes to `errors`, where it is wanted."""
    out = StringIO()
    try:
        call_command("verify_audit", *options, stdout=out, stderr=StringIO() if errors is None else errors)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()
