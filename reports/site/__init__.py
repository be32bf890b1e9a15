"""The static site: pages from plain data, published as a folder that is swapped whole."""
