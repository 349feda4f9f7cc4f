"""What tests of several rooms share: makers of networks, programs, files and firmware, and what holds executors against each other."""
