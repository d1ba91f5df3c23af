"""What a hospital and the coordinator must agree on; it knows no other room."""
