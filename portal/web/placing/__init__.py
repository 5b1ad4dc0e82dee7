"""Other ways to the order form: again, changing what waits, and from a draft."""
