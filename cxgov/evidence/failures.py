"""How a reader of evidence fails: the world did not show what a verdict needs."""


class CannotSay(Exception):
    """No answer can be given, which is never a yes. The message says what to do."""
