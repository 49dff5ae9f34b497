"""Campaigns: tests too long or too violent for every day, each a command with a seed. Slices run in pytest."""
