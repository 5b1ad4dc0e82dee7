"""Who may do what where: the scope tree, roles on it, and one resolver for asking and listing."""
