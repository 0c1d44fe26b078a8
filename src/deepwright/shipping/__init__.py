"""Shipping: what leaves for use elsewhere; tables of predictions so far."""
