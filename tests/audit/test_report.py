"""What a verification tells first."""

from audit.verification.report import MOST_FAULTS, Report


def test_the_first_record_is_told_first_however_many_faults_were_found_before_it():
    report = Report()
    for number in range(MOST_FAULTS + 5):
        report.add(f"Line {number} of the anchors is not a checkpoint.")
    report.add("later", index=9)
    report.add("first", index=3)
    report.add("also of the first", index=3)
    assert [str(fault) for fault in report.faults[:3]] == [
        "Record 3: first",
        "Record 3: also of the first",
        "Record 9: later",
    ]
    assert (len(report.faults), report.more) == (MOST_FAULTS, 8)
