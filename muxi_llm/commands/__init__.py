"""The command line: `main`, then a file for each group of commands. They parse and print, nothing else."""
