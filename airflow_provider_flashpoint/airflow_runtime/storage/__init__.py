"""Where streams are kept between runs: their states in Variables, their directories in the staging storage."""
