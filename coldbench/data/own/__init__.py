"""A user's own data: its declaration, its tables, and the problems in them."""
