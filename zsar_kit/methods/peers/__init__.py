"""Methods that the two papers compare with, one file each; the registry finds them."""
