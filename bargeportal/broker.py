"""The address of Redis in the words of Celery."""

from urllib.parse import parse_qs, urlsplit


def broker_url(redis_url: str) -> str:
    """Return `redis_url` as Celery's broker; a socket has another name there (kombu: `redis+socket://`)."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    numbers = parse_qs(parts.query).get("db", [])
    return f"redis+socket://{parts.netloc}{parts.path}" + (f"?virtual_host={numbers[-1]}" if numbers else "")
