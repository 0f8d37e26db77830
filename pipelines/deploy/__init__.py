"""What it takes to run on Dataflow, and to know before that it will: settings, request, update, template, launch."""
