"""The pipeline among real servers: its customers and channels, simulated, and a page that shows what happens."""
