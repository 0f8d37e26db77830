"""What people and machines read of a running job: metrics, heartbeats, and the documents of both."""
