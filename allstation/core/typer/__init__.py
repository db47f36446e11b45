"""Cell typer: a discriminant on the features of typed cells, its validation and its file."""
