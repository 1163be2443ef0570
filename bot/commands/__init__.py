"""The commands of `segin`: one module for each group of them."""
