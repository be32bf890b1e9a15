"""What people look at: terminal, static site, workbook."""
