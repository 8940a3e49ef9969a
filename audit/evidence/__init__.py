"""Evidence packs: what a search found, with all that an outsider needs to verify it offline."""
