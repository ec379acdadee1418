"""What is wrong with a list on disk."""


class ListError(Exception):
    """The file cannot be used as a list; the text says why, for an operator."""
