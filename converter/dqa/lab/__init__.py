"""What `dqa convert` does not need: studies, their methods and rankings, entropy coders, and weight methods to compare with."""
