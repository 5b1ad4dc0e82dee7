"""The seeded demo organization: made through the same services that people use."""
