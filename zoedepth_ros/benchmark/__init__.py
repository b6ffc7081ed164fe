"""How fast it is, measured beside what one would take instead; and what the figures mean."""
