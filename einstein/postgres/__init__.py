"""The PostgreSQL beneath the product: the embedded server, its two roles, and the check that the roles are safe."""
