"""The body of the command, and the addresses that may stand in it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injections.genesys.payload import (
    BadAudioUrl,
    has_signature,
    iso_duration,
    level_url,
    play_payload,
    validate_source_url,
)
from injections.genesys.types import PlayCommand


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (1, "PT0.001S"),
        (500, "PT0.5S"),
        (999, "PT0.999S"),
        (1000, "PT1S"),
        (1010, "PT1.01S"),
        (15_000, "PT15S"),
        (29_999, "PT29.999S"),
        (30_000, "PT30S"),
    ],
)
def test_a_duration_is_written_to_the_millisecond(ms, text):
    assert iso_duration(ms) == text


@given(st.integers(1, 30_000))
def test_every_duration_reads_back_as_itself(ms):
    assert round(float(iso_duration(ms)[2:-1]) * 1000) == ms


@pytest.mark.parametrize("ms", [0, -1, 30_001, 1.5, True, "500", None])
def test_a_duration_out_of_range_is_an_error_and_never_pt0s(ms):
    with pytest.raises(ValueError, match="1 to 30000"):
        iso_duration(ms)


def test_the_payload_has_the_contract_s_keys():
    command = PlayCommand(source_url="https://a.example/x.ogg", mute=False, max_duration_ms=500)
    assert play_payload(command) == {
        "type": "play",
        "sourceType": "url",
        "sourceUrl": "https://a.example/x.ogg",
        "mute": False,
        "maxDuration": "PT0.5S",
    }


@pytest.mark.parametrize(
    ("url", "levelled"),
    [
        ("https://a.example/x.wav", "https://a.example/x.wav?normalize=true"),
        ("https://a.example/x.wav?", "https://a.example/x.wav?normalize=true"),
        ("https://a.example/x.wav?b=%7e&a=+1", "https://a.example/x.wav?b=%7e&a=+1&normalize=true"),
        ("https://a.example/x.wav?v=2&", "https://a.example/x.wav?v=2&normalize=true"),
        ("https://a.example/x.wav?normalize=true&v=2", "https://a.example/x.wav?normalize=true&v=2"),
    ],
)
def test_levelling_is_added_and_every_other_byte_stays(url, levelled):
    assert level_url(url) == levelled


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Signature=ab",
        "x-goog-signature=ab",
        "Expires=1&Signature=a%2Bb",
        "sv=1&sig=x",
        "HMAC=1",
        "token=",
    ],
)
def test_a_signed_address_is_recognised_and_not_broken(query):
    url = f"https://a.example/x.wav?{query}"
    assert has_signature(url) is True
    with pytest.raises(BadAudioUrl, match="signature"):
        level_url(url)


def test_an_address_that_was_signed_with_levelling_in_it_is_left_alone():
    url = "https://a.example/x.wav?normalize=true&X-Amz-Signature=ab"
    assert level_url(url) == url


def test_an_address_with_an_ordinary_query_is_not_signed():
    assert has_signature("https://a.example/x.wav?version=2&signature_style=none") is False


def test_an_address_that_says_not_to_level_is_refused():
    with pytest.raises(BadAudioUrl, match="another 'normalize'"):
        level_url("https://a.example/x.wav?normalize=false")


HOSTS = ["clips.example", "media.example:8443", "[2001:db8::1]"]
OWN = "http://127.0.0.1:8000"


def check(url, hosts=HOSTS):
    validate_source_url(url, allowed_hosts=hosts, own_base_url=OWN)


def refused(url, hosts=HOSTS):
    with pytest.raises(BadAudioUrl) as caught:
        check(url, hosts)
    return caught.value.code


@pytest.mark.parametrize(
    "url",
    [
        "https://clips.example/notice.wav",
        "https://clips.example/a/b/NOTICE.WaV",
        "https://CLIPS.example:443/notice.mp3",
        "https://clips.example/notice.ogg?normalize=true&X-Amz-Signature=ab%2Fcd",
        "https://clips.example/my%20notice.v2.wav",
        "https://clips.example/%C3%BCber.wav",
        "https://media.example:8443/notice.wav",
        "https://[2001:db8::1]/notice.wav",
        "http://127.0.0.1:8000/media/abc:def/notice.wav",
    ],
)
def test_a_good_address_is_accepted(url):
    check(url)


@pytest.mark.parametrize(
    "path",
    [
        "notice.wavX", "xmp3y", "notice.wav/", "notice.wav.exe", "notice", "notice.wav;x", "notice;x.wav",
        "notice%2ewav", "notice.wa%76", "notice.wav%00", "notice.txt%00.wav", "a%2fnotice.wav",
        "notice.txt%3F.wav",
        "notice.txt%23.wav", "%5cnotice.wav", "notice%252e.wav", "notice%zz.wav", "notice%.wav", ".wav",
        "notice.flac", "../notice.wav", "a/./notice.wav", "notice.exe?file=x.wav", "notice.wav%20", "",
    ],
)  # fmt: skip
def test_a_path_that_is_not_plainly_a_recording_is_refused(path):
    assert refused(f"https://clips.example/{path}") == "bad_audio_url"


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "notice.wav", "//clips.example/notice.wav", "https:/clips.example/notice.wav",
        "https:///notice.wav", "ftp://clips.example/notice.wav", "file:///etc/notice.wav",
        "javascript:alert(1)//.wav", "http://clips.example/notice.wav", "https://user@clips.example/notice.wav",
        "https://a:b@clips.example/notice.wav", "https://@clips.example/notice.wav",
        "https://clips.example/notice.wav#", "https://clips.example/notice.wav#x", "https://clips.example/a#x.wav",
        "https://clips.example:/notice.wav", "https://clips.example:0x50/notice.wav",
        "https://clips.example:99999/notice.wav", "https://clips.example\\@evil.example/notice.wav",
        "https://clips.example/no tice.wav", "https://clips.example/notice.wav\n", "\thttps://clips.example/notice.wav",
        "https://clips.example/über.wav", "https://clıps.example/notice.wav", "https://clips%2eexample/notice.wav",
        "https://[::1/notice.wav", "https://[nonsense]/notice.wav", "https://clips..example-/notice.wav",
        "https://clips.example/" + "x" * 2048 + ".wav", None, 7, ["https://clips.example/notice.wav"],
    ],
)  # fmt: skip
def test_an_address_of_bad_form_is_refused(url):
    assert refused(url) == "bad_audio_url"


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/notice.wav",
        "https://sub.clips.example/notice.wav",
        "https://clips.example.evil.example/notice.wav",
        "https://clips.example:8443/notice.wav",
        "https://media.example/notice.wav",
        "https://127.0.0.1:8000/notice.wav",
        "http://127.0.0.1:9000/notice.wav",
        "http://localhost/notice.wav",
    ],
)
def test_a_host_that_is_not_listed_exactly_is_refused(url):
    assert refused(url) == "host_not_allowed"


def test_a_host_that_is_not_listed_is_named_with_the_setting_that_lists_it():
    with pytest.raises(BadAudioUrl, match=r"media\.example:9 .* INJECT_AUDIO_HOSTS"):
        check("https://media.example:9/notice.wav")


def test_without_a_list_only_the_portal_s_own_recordings_are_allowed():
    check(f"{OWN}/media/notice.wav", hosts=[])
    assert refused("https://clips.example/notice.wav", hosts=[]) == "host_not_allowed"


def test_port_zero_is_not_the_usual_port():
    for own in ("https://clips.example", "https://portal.example"):
        with pytest.raises(BadAudioUrl, match=":0"):
            validate_source_url(
                "https://clips.example:0/notice.wav", allowed_hosts=["clips.example"], own_base_url=own
            )


@given(st.text(max_size=60))
def test_no_text_whatever_does_anything_but_pass_or_be_refused(text):
    for url in (text, f"https://clips.example/{text}", f"https://{text}/x.wav"):
        with suppress(BadAudioUrl):
            check(url)
