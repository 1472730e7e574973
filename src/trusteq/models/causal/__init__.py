"""Language models: decoders that answer an item by how probable they find each of its choices."""
