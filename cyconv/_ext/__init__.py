"""Compiled modules land here."""
