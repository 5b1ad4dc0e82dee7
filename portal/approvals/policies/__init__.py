"""The rules about who decides: kept, put into words, tried, and changed with four eyes."""
