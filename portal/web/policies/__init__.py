"""Pages about approval policies: the list, one with its history, the editor, the simulator, what is proposed."""
