"""What every app stands on: base model, money, errors, clock, queue, crypto. Knows no other app."""
