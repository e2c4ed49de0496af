"""A framework for tool-using agents."""
