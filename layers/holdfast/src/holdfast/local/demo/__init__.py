"""`holdfast demo`: the main job on this machine, start to end. `story.py` is its table of contents."""
