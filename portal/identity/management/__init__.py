"""Commands of clouds."""
