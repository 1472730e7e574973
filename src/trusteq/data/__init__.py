"""Items, predictions and the files they come from."""
