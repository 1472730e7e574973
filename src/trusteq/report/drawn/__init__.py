"""How values of each kind of segment are drawn, with the places of their units."""
