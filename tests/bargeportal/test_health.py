from django.test import Client


def test_health_is_exactly_ok(client: Client) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"ok", "text/plain")


def test_health_is_read_only(client: Client) -> None:
    assert client.post("/health").status_code == 405


def test_health_is_told_to_whoever_calls_the_machine_by_its_number(client: Client) -> None:
    answer = client.get("/health", headers={"host": "10.0.0.7:8000"})
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert client.get("/login/", headers={"host": "10.0.0.7:8000"}).status_code == 400
