"""Recordings as bytes: what a file is, how loud it is, and what the telephone will make of it.

A leaf: no Django, no database, no clock. Untrusted files are opened only in the bounded child process of
`child.analyse`; the other modules are what runs in there.
"""
