"""Whether a release may go on: figures in, objections out."""
