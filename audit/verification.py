"""Finds what does not fit: a record against its own hash, its columns, and its neighbours."""

from audit import canonical
from audit.entry import columns, leaf_hash
from audit.models import AuditRecord


def faults_of(record: AuditRecord) -> list[str]:
    """Return a sentence for each way in which the stored record contradicts itself; none when it is whole."""
    faults = []
    if leaf_hash(record.body) != record.leaf_hash:
        faults.append("The text of the record does not fit its hash.")
    try:
        expected = columns(canonical.decode(record.body))  # type: ignore[arg-type]  # other shapes are caught below
    except canonical.NotCanonical as error:
        return [*faults, f"The text of the record is not canonical: {error}."]
    except (KeyError, TypeError, ValueError):
        return [*faults, "The text of the record lacks what each record has."]
    differing = [name for name, value in expected.items() if getattr(record, name) != value]
    return [*faults, *(f"The column {name} differs from the text of the record." for name in differing)]


def faults_in_chain(record: AuditRecord, *, previous: AuditRecord | None) -> list[str]:
    """Return a sentence for each way in which `record` does not follow `previous` in its conversation."""
    if record.number_in_conversation is None or record.number_in_conversation == 1:
        return []
    if previous is None:
        return [f"Record {record.number_in_conversation - 1} of this call is missing."]
    if previous.leaf_hash != record.previous_in_conversation:
        return ["The record before this one in the call is not the one that this record names."]
    return []
