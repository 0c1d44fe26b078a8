"""Preparation: a table's columns understood, rows dealt and inputs encoded, from training rows only."""
