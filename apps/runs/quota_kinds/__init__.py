"""Quotas of this room: one file each, the file is the registration."""
