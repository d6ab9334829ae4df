"""One command that shows the whole way of the data: `python -m demo`."""
