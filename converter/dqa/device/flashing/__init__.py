"""The tools that write firmware to boards: what they see, what they are called with, and what their errors mean."""
