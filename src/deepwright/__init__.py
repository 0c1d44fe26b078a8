"""Deepwright: from raw data to an honest verdict, and on to a served model."""
