"""What a round costs beyond the clients' own computing, side by side with Flower's own engines."""
