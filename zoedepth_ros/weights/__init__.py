"""From files to parameters: names, fetching, key conversion, strict loading."""
