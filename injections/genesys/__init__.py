"""The Genesys Cloud client: no Django, no database, no clock of its own. Could be lifted out as it is."""
