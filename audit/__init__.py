"""The append-only log. It knows nothing of the product that writes to it."""
