"""Search, evidence and export over events, and subscriptions that are told of them."""
