"""Lamina's sweeper and launchers, where Hydra looks for plugins. Hydra imports all of this at every start."""
