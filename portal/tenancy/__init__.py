"""What people do to the scope tree: create, give roles, share, set quotas."""
