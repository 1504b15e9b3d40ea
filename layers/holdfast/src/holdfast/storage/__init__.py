"""Where backups are kept: the contract in base.py, S3 in s3.py, a double in memory.py."""
