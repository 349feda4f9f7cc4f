"""Where buffers lie: lifetimes and arena offsets."""
