"""A user's own data: its declaration, its tables, and everything that may be wrong with them."""
