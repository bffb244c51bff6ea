"""What a registry says: bytes to documents to a model, with every place and every problem."""
