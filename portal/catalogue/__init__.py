"""What can be ordered: offerings and their versions, plans, and the components that are measured. No prices."""
