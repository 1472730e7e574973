"""Why a model answers as it does: units, mask plans, value tables, and the attributions read from them."""
