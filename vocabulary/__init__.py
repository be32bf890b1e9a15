"""The words every room shares: parameters, units, codes, reasons, time labels, rounding."""
