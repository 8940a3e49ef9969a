"""A Genesys Cloud simulator: a real HTTP and WebSocket server with a living contact centre behind it.

It offers the voice-interactions profile and the public API calls that the board needs, fetches and decodes
the recordings it is told to play, and lets faults be planted over HTTP. It shares no code with the client it
tests, and it needs neither Django nor a database: `python -m injections.genesys.simulator`.
"""
