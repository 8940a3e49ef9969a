"""Finds what does not fit: a record against itself, and the log against what was signed, anchored and verified."""

from audit.verification.records import faults_in_chain, faults_of

__all__ = ["faults_in_chain", "faults_of"]
