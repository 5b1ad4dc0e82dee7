"""Adapters against real endpoints, and the connections above them."""
