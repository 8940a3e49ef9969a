"""`python -m bargeportal.serve`: the web server on PORT, as `manage.py up` and a service file start it."""

import os
import sys
from argparse import ArgumentParser

import uvicorn

from bargeportal.env import told_in_one_line
from bargeportal.scratch import take_scratch_folder


def main(*, host: str, skip_checks: bool) -> None:
    """Serve until SIGTERM; requests under way are then answered, as far as SHUTDOWN_GRACE_S allows."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bargeportal.settings")
    from django.conf import settings

    if not skip_checks:
        _check()
    take_scratch_folder(settings.SCRATCH_DIR)
    uvicorn.run(
        "bargeportal.asgi:application",
        host=host,
        port=settings.PORT,
        log_config=None,  # settings.LOGGING: redacted, one line each
        access_log=False,  # paths of recordings are secrets; what matters is in the audit log
        # Whom to believe about the client's address is said by FORWARDED_ALLOW_IPS, behind a proxy only.
        proxy_headers=settings.IS_HTTPS,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=settings.SHUTDOWN_GRACE_S,
    )


def _check() -> None:
    """End the process, with a line for each reason, when it could answer nobody as it should."""
    import django

    django.setup(set_prefix=False)
    from bargeportal import starting

    findings = starting.findings()
    for line in findings:
        sys.stderr.write(f"{line}\n")
    if findings:
        sys.exit(1)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m bargeportal.serve", description=__doc__)
    parser.add_argument("host", nargs="?", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--skip-checks", action="store_true", help="whoever starts this has checked")
    return parser


if __name__ == "__main__":
    with told_in_one_line():
        main(**vars(_parser().parse_args()))
