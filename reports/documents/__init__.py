"""Documents (评估报告、通报): one content, rendered to a printable page and to a word-processor file."""
