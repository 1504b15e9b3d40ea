"""Who calls: the name under which an approval is recorded."""
