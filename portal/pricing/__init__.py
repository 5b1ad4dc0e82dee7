"""What a unit costs, from when until when: price books, quotes, and the one table of prices in force."""
