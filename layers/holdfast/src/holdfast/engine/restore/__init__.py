"""A restore, and the replacement of a member: each module is a state of restore.asl.json, or what several share."""
