"""The door for people: arguments, printing and exit codes live here and nowhere else."""
