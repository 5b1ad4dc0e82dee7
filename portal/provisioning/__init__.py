"""What exists in the clouds: desired and observed, brought together through a journal."""
