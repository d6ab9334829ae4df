"""``python -m demo`` shows the whole path of the data with one command."""
