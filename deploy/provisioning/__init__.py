"""How a federation comes into being: its authority, its certificates, its keys and its kits."""
