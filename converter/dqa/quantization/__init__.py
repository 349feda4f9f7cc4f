"""From statistics to decisions: ranges, scales, importance, and integer weights."""
