"""How good a model is: figures and their intervals."""
