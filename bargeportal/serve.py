"""`python -m bargeportal.serve`: the web server on PORT, as `manage.py up` and a service file start it."""

import os
import sys

import uvicorn

from bargeportal.env import told_in_one_line


def main(host: str = "127.0.0.1") -> None:
    """Serve until SIGTERM; requests under way are then answered, as far as SHUTDOWN_GRACE_S allows."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bargeportal.settings")
    from django.conf import settings

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


if __name__ == "__main__":
    with told_in_one_line():
        main(*sys.argv[1:2])
