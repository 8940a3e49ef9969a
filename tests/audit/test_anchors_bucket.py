"""The bucket, over a socket: what is put is locked, never overwritten, and faults are told without secrets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.anchors import AnchorFault, Contradiction
from audit.anchors.bucket import Bucket, name_of
from audit.anchors.exchange import Exchange
from audit.anchors.sigv4 import Credentials
from audit.checkpoint import Checkpoint
from audit.notes import SigningKey
from tests.support.s3_server import ACCESS_KEY, REGION, SECRET_KEY, Store, Version, s3_server
from tests.support.scripted_server import closed_port, drop, raw, reply, scripted_server, silence, trickle

KEY = SigningKey.from_seed("audit-log/0123456789abcdef", bytes(32))


def checkpoint(size: int, root: int = 0) -> Checkpoint:
    return Checkpoint(KEY.name, size, bytes([root or size]) * 32)


def bucket_at(url: str, *, secret: str = SECRET_KEY, **limits: float) -> Bucket:
    return Bucket(
        url,
        credentials=Credentials(ACCESS_KEY, secret, REGION),
        retention=timedelta(days=30),
        clock=lambda: datetime.now(UTC),
        exchange=Exchange(**limits),
    )


def put(bucket: Bucket, *sizes: int) -> None:
    for size in sizes:
        bucket.put(checkpoint(size), checkpoint(size).signed(KEY))


@pytest.fixture
def store() -> Iterator[Store]:
    with s3_server() as running:
        yield running


def test_a_checkpoint_is_put_under_lock_and_read_again(store: Store):
    bucket = bucket_at(store.url)
    put(bucket, 5)
    (kept,) = store.versions
    assert kept.mode == "COMPLIANCE"
    assert datetime.fromisoformat(kept.until) - datetime.now(UTC) > timedelta(days=29)
    assert bucket.note(name_of(checkpoint(5))) == checkpoint(5).signed(KEY)


def test_the_same_checkpoint_again_is_not_written_twice(store: Store):
    put(bucket_at(store.url), 5)
    put(bucket_at(store.url), 5)
    assert len(store.versions) == 1


def test_another_content_under_the_name_is_a_contradiction_and_stays(store: Store):
    bucket = bucket_at(store.url)
    store.versions.append(
        Version(name_of(checkpoint(5)), b"something else", "COMPLIANCE", "2999-01-01T00:00:00Z")
    )
    with pytest.raises(Contradiction, match="with another content"):
        put(bucket, 5)
    assert [version.body for version in store.versions] == [b"something else"]


@pytest.mark.parametrize("sizes", [(), (1,), (1, 2, 3), (7, 300, 301), (1000,)])
def test_the_last_size_is_found_by_asking(store: Store, sizes: tuple[int, ...]):
    bucket = bucket_at(store.url)
    for size in sizes:
        bucket.put(checkpoint(size, root=1), checkpoint(size, root=1).signed(KEY))
    store.requests.clear()
    assert bucket.last_size(KEY.name, most=1000) == (sizes[-1] if sizes else 0)
    assert len(store.requests) <= 12


def test_a_bucket_that_knows_more_than_the_log_is_a_contradiction(store: Store):
    bucket = bucket_at(store.url)
    put(bucket, 12)
    with pytest.raises(Contradiction, match="more than the 8 records"):
        bucket.last_size(KEY.name, most=8)


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_everything_is_listed_page_by_page_after_a_size(page: int):
    with s3_server(page=page) as store:
        bucket = bucket_at(store.url)
        put(bucket, 1, 2, 9, 10, 11)
        store.versions.append(Version(f"{KEY.name}x/1", b"of another log"))
        assert [each.size for each in bucket.listed(KEY.name, after=0)] == [1, 2, 9, 10, 11]
        assert [each.size for each in bucket.listed(KEY.name, after=9)] == [10, 11]


def test_what_was_hidden_by_a_delete_marker_is_listed_as_hidden(store: Store):
    bucket = bucket_at(store.url)
    put(bucket, 1, 2)
    store.hide(name_of(checkpoint(2)))
    assert [(each.size, each.is_hidden) for each in bucket.listed(KEY.name, after=0)].count((2, True)) == 1


@pytest.mark.parametrize("name", ["nonsense", "1-00", f"{10**19 - 1}-{'0' * 64}", f"{1:019d}-{'G' * 64}"])
def test_an_object_that_is_not_named_as_a_checkpoint_has_no_root(store: Store, name: str):
    store.versions.append(Version(f"{KEY.name}/{name}", b""))
    assert [each.root for each in bucket_at(store.url).listed(KEY.name, after=0)] == [None]


# --- What goes wrong ----------------------------------------------------------------------------------------
def fault(bucket: Bucket) -> str:
    with pytest.raises(AnchorFault) as caught:
        put(bucket, 5)
    assert not isinstance(caught.value, Contradiction)
    told = str(caught.value)
    assert all(secret not in told for secret in (SECRET_KEY, ACCESS_KEY, "Signature="))
    assert caught.value.__cause__ is None
    return told


def test_a_bucket_without_object_lock_is_refused():
    with s3_server(has_lock=False) as store:
        assert fault(bucket_at(store.url)) == "PUT was answered 400 (InvalidRequest)"
        assert store.versions == []


def test_a_store_that_takes_the_lock_and_does_not_keep_it_is_found_out():
    with s3_server(ignores_lock=True) as store:
        assert "is not locked: the bucket needs object lock" in fault(bucket_at(store.url))


def test_a_lock_whose_time_is_up_is_none(store: Store):
    note = checkpoint(5).signed(KEY).encode()
    store.versions.append(Version(name_of(checkpoint(5)), note, "COMPLIANCE", "2020-01-01T00:00:00Z"))
    assert "is not locked" in fault(bucket_at(store.url))


def test_what_stands_in_a_netrc_file_or_names_a_proxy_changes_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    put(bucket_at(store.url), 5)
    assert len(store.versions) == 1


def test_a_wrong_secret_is_refused(store: Store):
    assert fault(bucket_at(store.url, secret="another")) == "PUT was answered 403 (SignatureDoesNotMatch)"
    assert store.versions == []


def _short(answer: bytes) -> Any:
    return raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + answer)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (reply(403, b"<Error><Code>AccessDenied</Code></Error>"), "PUT was answered 403 (AccessDenied)"),
        (reply(500, b"<Error><Code>InternalError</Code></Error>"), "PUT was answered 500 (InternalError)"),
        (reply(503, b"a page of a proxy"), "PUT was answered 503"),
        (reply(301, b"", headers={"Location": "http://127.0.0.1:9/"}), "PUT was answered 301"),
        (_short(b"half"), "the answer broke off"),
        (raw(b"HTT"), "no connection, or it broke off"),
        (drop, "no connection, or it broke off"),
        (silence, "no answer came in time"),
    ],
)
def test_what_goes_wrong_is_told_in_a_few_words(script: Any, told: str):
    with scripted_server(with_token=False) as server:
        name = f"/b/{name_of(checkpoint(5))}"
        server.on("PUT", name, script)
        assert fault(bucket_at(f"{server.url}/b", read_s=3)) == told
        assert len(server.seen("PUT", name)) == 1


def test_an_answer_that_trickles_is_given_up():
    trickling = trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x" * 1000, every_s=0.02)
    with scripted_server(with_token=False) as server:
        server.on("PUT", f"/b/{name_of(checkpoint(5))}", trickling)
        assert fault(bucket_at(f"{server.url}/b", total_s=0.3)) == "no whole answer came in time"


def test_a_store_that_is_away_is_told():
    assert fault(bucket_at(f"http://127.0.0.1:{closed_port()}/b")) == "no connection, or it broke off"


@pytest.mark.parametrize(
    "body", [b"", b"<ListVersionsResult><Version>", b"nonsense", b"<a>" + b"x" * (5 << 20) + b"</a>"]
)
def test_half_a_listing_is_none(body: bytes):
    with scripted_server(with_token=False) as server:
        server.on("GET", "/b/", reply(200, body))
        with pytest.raises(AnchorFault, match=r"its listing cannot be read|longer than any"):
            list(bucket_at(f"{server.url}/b").listed(KEY.name, after=0))


def test_a_listing_that_never_ends_is_given_up():
    page = b"<R><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker></R>"
    with scripted_server(with_token=False) as server:
        server.on("GET", "/b/", reply(200, page))
        with pytest.raises(AnchorFault, match="does not go on"):
            list(bucket_at(f"{server.url}/b").listed(KEY.name, after=0))
