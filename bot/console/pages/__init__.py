"""The pages, one module for each place of the console; found by listing this package."""
