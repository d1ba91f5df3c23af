"""A federation whose machines and lines fail: what the chaos tests and the soak are made of."""
