"""What is done with a saved run afterwards: its model rebuilt, exported, asked. Training imports nothing of it."""
