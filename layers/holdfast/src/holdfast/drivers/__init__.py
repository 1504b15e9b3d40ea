"""What differs per distribution: pure knowledge, one file or folder each."""
