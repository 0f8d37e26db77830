"""What we build on: locked, listed, licensed."""
