"""Kinds: what a column is, and how its values become tensors; one file each."""
