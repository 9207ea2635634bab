"""What every plugin must hold, and what is wrong where one does not, in plain words."""
