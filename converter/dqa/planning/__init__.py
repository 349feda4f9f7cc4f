"""Within a RAM budget: phases, rings and bits; and where buffers lie in the arena."""
