"""What is done around a decision: delegations, files, what is said and asked, passing on, and several at once."""
