"""From trained networks to what is used: split, joined, published, exported."""
