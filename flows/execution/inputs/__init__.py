"""What a cell is generated from: its references and its scene, read from the catalog and the store."""
