"""What every page shares: headers, error pages, problem+json, packaged assets, the words' template tags."""
