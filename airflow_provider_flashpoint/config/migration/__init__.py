"""Turns a configuration file into one for another API generation."""
