"""What must not work, line by line of `deploy/THREAT_MODEL.md`."""
