"""What was used and what it cost: samples, usage, charges, budgets and exports."""
