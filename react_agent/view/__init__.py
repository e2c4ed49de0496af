"""Views of a trace: they only read events, and each is a leaf that nothing else needs."""
