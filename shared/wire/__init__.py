"""What travels between coordinator and site: typed messages, and their place in Flower's records."""
