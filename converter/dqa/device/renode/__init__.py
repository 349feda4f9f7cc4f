"""Boards in Renode: an installed one is found and driven, never built; its platform files follow from the board table."""
