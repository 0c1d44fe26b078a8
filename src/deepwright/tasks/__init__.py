"""Tasks: what is asked of a table; one file each."""

from deepwright.tasks._choose import choose_task

__all__ = ["choose_task"]
