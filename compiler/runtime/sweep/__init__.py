"""Sweeps: many trials of one configuration, drawn by a search method, carried out by pools of workers."""
