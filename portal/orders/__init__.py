"""What people ask for: orders and their items, from the form to the active resource."""
