"""Engines that run virtual hospitals: in this process, or on Ray."""
