"""What guards and releases the project, here and in Cloud Build: never a part of what is deployed."""
