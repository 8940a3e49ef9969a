"""On PostgreSQL: lock a conversation's chain and read its end in one round trip, by a statement that can be prepared.

One query cannot do it: its snapshot would be older than the lock, and miss the link that the lock's last holder has
just committed. Within a volatile function each statement has a snapshot of its own.
"""

from typing import Any

from django.db import migrations

_CREATE = """
CREATE FUNCTION audit_chain_head(lock_key bigint, conversation uuid, OUT at timestamptz, OUT number integer, OUT leaf text)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(lock_key);
  at := clock_timestamp();
  SELECT number_in_conversation, leaf_hash INTO number, leaf FROM audit_auditrecord
  WHERE conversation_id = conversation ORDER BY number_in_conversation DESC LIMIT 1;
END
$$"""


def _create(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_CREATE)


def _drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION audit_chain_head")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(_create, _drop)]
