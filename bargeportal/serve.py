"""`python -m bargeportal.serve`: the web server on PORT, as `manage.py up` and a service file start it."""

import os
import sys

import uvicorn


def main(host: str = "127.0.0.1") -> None:
    """Serve until SIGTERM; open requests then have three seconds to end."""
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
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
