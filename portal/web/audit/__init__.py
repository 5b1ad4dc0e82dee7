"""Pages over events: subscriptions, export, evidence."""
