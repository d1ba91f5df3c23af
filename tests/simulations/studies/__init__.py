"""Studies: their files, their runs, what they say."""
