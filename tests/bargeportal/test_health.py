from django.test import Client


def test_health_is_exactly_ok(client: Client) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"ok", "text/plain")


def test_health_is_read_only(client: Client) -> None:
    assert client.post("/health").status_code == 405
