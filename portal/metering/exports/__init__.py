"""Files that leave the house: charges in FOCUS columns, and the lint they must pass."""
