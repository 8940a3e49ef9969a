"""What the log says of a recording that was not taken."""

from typing import Any

from injections.roles import Role
from tests.injections.web.conftest import records


def test_the_record_of_a_form_that_was_not_taken_says_why(browser_of: Any):
    browser_of(Role.AUDIO_ADMIN).post("/clips/upload/", {"title": "A notice"})
    (record,) = records("clip.upload_refused")
    told, why = record.summary.split(" offered a recording that was not taken: ")
    assert told
    assert why.startswith("Choose ")
    assert why.endswith(".")
