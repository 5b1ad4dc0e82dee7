"""How a person proves who she is, and how that ends."""
