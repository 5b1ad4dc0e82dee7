"""How the portal itself is: its queue, its workers, what ran and what failed."""
