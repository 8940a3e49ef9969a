import kombu
import pytest

from bargeportal.broker import broker_url
from tests.support.redis_process import redis_server


@pytest.mark.parametrize("url", ["redis://host:6379/0", "rediss://:word@host/1", ""])
def test_an_address_in_the_network_stays_as_it_is(url: str) -> None:
    assert broker_url(url) == url


def test_celery_finds_a_redis_behind_a_socket() -> None:
    with redis_server() as url, kombu.Connection(broker_url(f"{url}?db=1")) as connection:
        connection.ensure_connection(max_retries=1)
        client = connection.default_channel.client
        assert client.connection_pool.connection_kwargs["db"] == 1
        assert client.ping()
