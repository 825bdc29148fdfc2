"""Attacks on a running server, and what each costs it: `python -m tests.hostile --help`."""
