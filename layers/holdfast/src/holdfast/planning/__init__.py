"""Pure decisions with reasons. `now`, ids and facts are arguments."""
