"""The one command table, and what each command does; both magics and the terminal program are made from it."""
