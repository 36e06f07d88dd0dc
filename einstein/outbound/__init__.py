"""The one way out of the product: every address a user types is resolved and checked here before a byte is sent."""
