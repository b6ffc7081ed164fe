"""The command `zoedepth`: arguments, output and exit codes."""
