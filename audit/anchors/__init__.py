"""Anchors: checkpoints kept outside the database, where whoever rewrites it cannot rewrite them."""


class AnchorFault(Exception):
    """A checkpoint could not be kept outside the database, or not be read there. The message holds no secret."""


class Contradiction(AnchorFault):
    """An anchor knows another log than this one: the finding that anchors are for."""
