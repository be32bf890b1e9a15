"""Documents of a district, written on demand: evaluations of the plan and quarterly bulletins."""
