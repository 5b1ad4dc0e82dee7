"""What people are told: bell and mail."""
