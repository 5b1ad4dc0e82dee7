"""What happened, by whom, to what: one append-only log."""
