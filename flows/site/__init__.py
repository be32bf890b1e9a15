"""The static site: what its pages show, gathered in parts, made where their data changed."""
