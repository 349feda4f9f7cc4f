"""One room per kind of operator: everything the converter knows of it (docs/adding_an_operator.md)."""
