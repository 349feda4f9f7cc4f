"""What each operator of a converted model costs, and where its answers part from the host's and the float network's."""
