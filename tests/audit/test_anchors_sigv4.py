"""AWS Signature Version 4: the four examples of the S3 API reference, to the letter."""

import hashlib
from datetime import UTC, datetime

import pytest

from audit.anchors.sigv4 import Credentials, signed_headers

# "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk", its examples.
CREDENTIALS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
AT = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "https://examplebucket.s3.amazonaws.com"
SCOPE = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "names", "signature"),
    [
        (
            "GET",
            "/test.txt",
            {"Range": "bytes=0-9"},
            b"",
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test%24file.text",
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            b"Welcome to Amazon S3.",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/?lifecycle",
            {},
            b"",
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/?prefix=J&max-keys=2",
            {},
            b"",
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_published_requests_have_the_published_signatures(
    method: str, url: str, headers: dict[str, str], body: bytes, names: str, signature: str
):
    signed = signed_headers(method, HOST + url, headers=headers, body=body, credentials=CREDENTIALS, at=AT)
    assert signed["authorization"] == f"{SCOPE},SignedHeaders={names},Signature={signature}"
    assert signed["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://s3.example/b", "s3.example"),
        ("https://s3.example:443/b", "s3.example"),
        ("http://s3.example:9000/b", "s3.example:9000"),
    ],
)
def test_the_host_is_signed_as_it_is_sent(url: str, host: str):
    signed = signed_headers("GET", url, headers={}, body=b"", credentials=CREDENTIALS, at=AT)
    assert signed["host"] == host


def test_credentials_do_not_print_their_secret():
    assert "EXAMPLEKEY" not in repr(CREDENTIALS)
