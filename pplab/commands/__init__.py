"""Commands: their handlers by group, the one table of them, and the parser; both magics and the terminal program use them."""
