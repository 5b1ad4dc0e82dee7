"""What the launcher says when it cannot go on."""


class LaunchError(Exception):
    """A message for the person at the keyboard: what is wrong and what to do; printed without a traceback."""


class PortTaken(LaunchError):
    """Something else listens where a server of ours was to."""


class Unobtainable(LaunchError):
    """Something that is fetched on demand cannot be had on this machine."""
