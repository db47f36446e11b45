"""Cell typer: the discriminant that proposes types of cells, its training, validation and file; no pixels."""
