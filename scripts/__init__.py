"""What runs, builds and proves Concord from the outside; never imported by the portal."""
