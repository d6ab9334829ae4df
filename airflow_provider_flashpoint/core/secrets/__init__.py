"""How secrets stay inside: masked in every text that leaves, and removed or hidden in records."""
