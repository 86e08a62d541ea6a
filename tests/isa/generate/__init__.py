"""The forms that generate.py writes, by family."""
