"""Everything the pages do, for programs: the same services behind JSON."""
