"""The commands of ``python -m train``: parse, call, print. Heavy imports happen inside them."""
