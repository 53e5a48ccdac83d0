"""Methods that the two papers are compared with: one file each, found by the registry."""
