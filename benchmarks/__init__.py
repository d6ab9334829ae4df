"""Measurements of speed and memory, against sandboxes of Flashpoint and Devo on this machine."""
