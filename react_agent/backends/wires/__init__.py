"""One pure wire per provider API: request out, reply or stream events in. No input or output happens here."""
