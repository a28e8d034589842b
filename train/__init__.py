"""Recipes of what ships with tfstyle; run from a checkout: `python -m train.compact`, `python -m train.statistics`."""
