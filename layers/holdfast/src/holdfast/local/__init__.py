"""The embedded AWS stack: starts, deploys and stops it. `plugin` runs inside LocalStack, in its environment."""
