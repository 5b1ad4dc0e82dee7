"""Policies decide who decides; people vote; the last vote does what was asked for, once."""
